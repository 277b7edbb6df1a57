/* Copies what is in the builtin containers and in those of `collections`, as `Copy.container`. */
#include "copying.h"

/* The note on entries that were left out; NULL without an exception where there are none. */
static PyObject *
rest_of(Py_ssize_t size, Room *room)
{
    return size <= room->items ? NULL : PyObject_CallFunction(hot.note_rest, "n", size - room->items);
}

/* Take the room that a dict of texts and small numbers needs; 0 where it holds anything else, or does not fit. */
static int
take_flat(PyObject *value, Room *room)
{
    PyObject *key, *item;
    Py_ssize_t at = 0, size = PyDict_GET_SIZE(value), left = room->left;
    if (size > room->items || size > room->nodes)
        return 0;
    while (PyDict_Next(value, &at, &key, &item)) {
        if (!PyUnicode_CheckExact(key))
            return 0;
        left -= PyUnicode_GET_LENGTH(key);
        if (PyUnicode_CheckExact(item))
            left -= PyUnicode_GET_LENGTH(item);
        else if (!is_atom(item, 1))
            return 0;
    }
    if (left < 0)
        return 0;
    room->left = left;
    room->nodes -= size;
    return 1;
}

static inline unsigned long long
version_of(PyObject *dict)
{
#if PY_VERSION_HEX >= 0x030C0000
    return 0; /* nothing that is made runs the collector any more */
#else
    return ((PyDictObject *)dict)->ma_version_tag;
#endif
}

/* Copy a dict that has just been found to hold only texts and small numbers; NULL without an exception where the
   collector has run meanwhile, and with it code that has put something else in. */
PyObject *
hot_copy_flat(PyObject *dict)
{
    unsigned long long version = version_of(dict);
    PyObject *copied = PyDict_Copy(dict);
    if (copied != NULL && version_of(dict) != version)
        Py_CLEAR(copied);
    return hot_inert(copied);
}

/* Name an entry by its key, in the room that is left, and as no other entry is named.

   made: whether an entry has a name that is not its key. */
static PyObject *
name_entry(PyObject *key, PyObject *copied, int *made, Room *room)
{
    PyObject *name;
    if (PyUnicode_CheckExact(key) && PyUnicode_GET_LENGTH(key) <= room->left) {
        room->left -= PyUnicode_GET_LENGTH(key);
        name = Py_NewRef(key);
    }
    else {
        *made = 1;
        if (PyUnicode_CheckExact(key))
            name = hot_copy_text(key, room);
        else
            name = is_atom(key, 0) ? PyObject_Str(key) : PyObject_CallOneArg(hot.name_key, key);
    }
    while (name != NULL && *made) {
        int clashes = PyUnicode_CheckExact(name) ? PyDict_Contains(copied, name) : -1;
        if (clashes == 0)
            break;
        PyObject *longer = clashes < 0 ? NULL : PyUnicode_FromFormat("%U'", name);
        Py_SETREF(name, longer);
    }
    return name;
}

static PyObject *
copy_dict(PyObject *value, Py_ssize_t depth, Room *room)
{
    if (take_flat(value, room))
        return hot_copy_flat(value);
    PyObject *copied = PyDict_New(), *key, *item, *rest;
    Py_ssize_t at = 0, size = PyDict_GET_SIZE(value), more = room->items;
    int made = 0;
    if (copied == NULL)
        return NULL;
    while (more-- > 0 && PyDict_Next(value, &at, &key, &item)) {
        /* Whatever is made may run the collector, and with it another thread, which changes the dict. */
        Py_INCREF(key);
        Py_INCREF(item);
        PyObject *name = name_entry(key, copied, &made, room);
        PyObject *entry = name == NULL ? NULL : copy_entry(item, depth, room);
        int failed = entry == NULL || PyDict_SetItem(copied, name, entry) < 0;
        Py_XDECREF(entry);
        Py_XDECREF(name);
        Py_DECREF(key);
        Py_DECREF(item);
        if (failed || PyDict_GET_SIZE(value) != size)
            goto elsewhere;
    }
    if ((rest = rest_of(size, room)) != NULL) {
        int failed = PyDict_SetItem(copied, rest, Py_None) < 0;
        Py_DECREF(rest);
        if (failed)
            goto elsewhere;
    }
    if (!PyErr_Occurred())
        return hot_inert(copied);
elsewhere:
    Py_DECREF(copied);
    return NULL;
}

/* Add the copy of an item, and whether that was done. */
static int
add_item(PyObject *copied, PyObject *item, Py_ssize_t depth, Room *room)
{
    PyObject *entry = copy_entry(item, depth, room);
    int done = entry != NULL && PyList_Append(copied, entry) == 0;
    Py_XDECREF(entry);
    Py_DECREF(item);
    return done;
}

/* Add the note on what was left out, if anything was; NULL where that fails. */
static PyObject *
add_rest(PyObject *copied, Py_ssize_t size, Room *room)
{
    PyObject *rest = rest_of(size, room);
    if (rest != NULL && PyList_Append(copied, rest) < 0)
        Py_CLEAR(copied);
    Py_XDECREF(rest);
    if (PyErr_Occurred())
        Py_CLEAR(copied);
    return hot_inert(copied);
}

static PyObject *
copy_sequence(PyObject *value, Py_ssize_t depth, Room *room)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(value);
    PyObject *copied = PyList_New(0);
    if (copied == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < size && at < room->items; at++)
        if (PySequence_Fast_GET_SIZE(value) != size ||
            !add_item(copied, Py_NewRef(PySequence_Fast_GET_ITEM(value, at)), depth, room)) {
            Py_DECREF(copied);
            return NULL;
        }
    return add_rest(copied, size, room);
}

/* Copy a set or a deque, whose iterators run no code but their own, and notice when it is changed. */
static PyObject *
copy_iterable(PyObject *value, Py_ssize_t depth, Room *room)
{
    Py_ssize_t size = PyObject_Size(value);
    PyObject *items = size < 0 ? NULL : PyObject_GetIter(value), *copied = items == NULL ? NULL : PyList_New(0), *item;
    for (Py_ssize_t at = 0; copied != NULL && at < size && at < room->items; at++)
        if ((item = PyIter_Next(items)) == NULL || !add_item(copied, item, depth, room))
            Py_CLEAR(copied);
    Py_XDECREF(items);
    if (copied != NULL)
        return add_rest(copied, size, room);
    if (PyErr_ExceptionMatches(PyExc_RuntimeError) && !PyErr_ExceptionMatches(PyExc_RecursionError))
        PyErr_Clear(); /* another thread has changed it */
    return NULL;
}

/* Copy a container; NULL without an exception as well where the value is none of these. */
PyObject *
hot_copy_container(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyTypeObject *kind = Py_TYPE(value);
    PyObject *(*copy)(PyObject *, Py_ssize_t, Room *);
    if (kind == &PyDict_Type || (PyObject *)kind == hot.defaultdict)
        copy = copy_dict;
    else if (kind == &PyList_Type || kind == &PyTuple_Type)
        copy = copy_sequence;
    else if (kind == &PySet_Type || kind == &PyFrozenSet_Type || (PyObject *)kind == hot.deque)
        copy = copy_iterable;
    else
        return NULL;
    return depth >= room->depth ? Py_NewRef(hot.too_deep) : copy(value, depth, room);
}
