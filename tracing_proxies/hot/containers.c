/* Copies what is in the builtin containers and in those of `collections`, as `Copy.container`. */
#include "copying.h"

/* The note on entries that were left out; NULL without an exception where there are none. */
static PyObject *
rest_of(Py_ssize_t size, Room *room)
{
    return size <= room->items ? NULL : PyObject_CallFunction(hot.note_rest, "n", size - room->items);
}

/* Name an entry by its key, in the room that is left, and as no other entry is named.

   names: those of the entries before, as soon as one has a name that is not its key. `head`: where the dict begins. */
PyObject *
hot_name_entry(PyObject *key, PyObject **names, Py_ssize_t head, Room *room)
{
    PyObject *name;
    if (PyUnicode_CheckExact(key) && PyUnicode_GET_LENGTH(key) <= room->left) {
        room->left -= PyUnicode_GET_LENGTH(key);
        name = Py_NewRef(key);
    }
    else {
        if (*names == NULL && (*names = hot_names_of(room->draft, head)) == NULL)
            return NULL;
        if (PyUnicode_CheckExact(key))
            name = hot_cut_text(key, room);
        else
            name = is_atom(key, 0) ? PyObject_Str(key) : PyObject_CallOneArg(hot.name_key, key);
    }
    while (name != NULL && *names != NULL) {
        int clashes = PyUnicode_CheckExact(name) ? PySet_Contains(*names, name) : -1;
        if (clashes == 0)
            break;
        PyObject *longer = clashes < 0 ? NULL : PyUnicode_FromFormat("%U'", name);
        Py_SETREF(name, longer);
    }
    if (name != NULL && *names != NULL && PySet_Add(*names, name) < 0)
        Py_CLEAR(name);
    return name;
}

/* Write the head of a container that is complete but for the note on entries that were left out, if any were. */
static int
close_container(Py_ssize_t head, Py_ssize_t count, int is_dict, Py_ssize_t size, Room *room)
{
    PyObject *rest = rest_of(size, room);
    if (rest != NULL) {
        count++;
        if (put_new(room->draft, rest) < 0 || (is_dict && put_one(room->draft, Py_None) < 0))
            return -1;
    }
    else if (PyErr_Occurred())
        return -1;
    room->draft->words[head] = HEAD_OF(count, is_dict);
    return 0;
}

static int
copy_dict(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *names = NULL, *key, *item;
    Py_ssize_t at = 0, size = PyDict_GET_SIZE(value), count, head = open_container(room->draft);
    int failed = head < 0;
    for (count = 0; !failed && count < room->items && PyDict_Next(value, &at, &key, &item); count++) {
        /* Whatever is made may run the collector, and with it another thread, which changes the dict. */
        Py_INCREF(key);
        Py_INCREF(item);
        failed = put_new(room->draft, hot_name_entry(key, &names, head, room)) < 0 || copy_entry(item, depth, room) < 0 ||
                 PyDict_GET_SIZE(value) != size;
        Py_DECREF(key);
        Py_DECREF(item);
    }
    Py_XDECREF(names);
    return failed ? -1 : close_container(head, count, 1, size, room);
}

static int
copy_sequence(PyObject *value, Py_ssize_t depth, Room *room)
{
    Py_ssize_t size = PySequence_Fast_GET_SIZE(value), head = open_container(room->draft), at;
    int failed = head < 0;
    for (at = 0; !failed && at < size && at < room->items; at++) {
        if (PySequence_Fast_GET_SIZE(value) != size)
            return -1;
        PyObject *item = Py_NewRef(PySequence_Fast_GET_ITEM(value, at));
        failed = copy_entry(item, depth, room) < 0;
        Py_DECREF(item);
    }
    return failed ? -1 : close_container(head, at, 0, size, room);
}

/* Copy a set or a deque, whose iterators run no code but their own, and notice when it is changed. */
static int
copy_iterable(PyObject *value, Py_ssize_t depth, Room *room)
{
    Py_ssize_t size = PyObject_Size(value), head = open_container(room->draft), at;
    PyObject *items = size < 0 || head < 0 ? NULL : PyObject_GetIter(value), *item;
    int failed = items == NULL;
    for (at = 0; !failed && at < size && at < room->items; at++) {
        item = PyIter_Next(items);
        failed = item == NULL || copy_entry(item, depth, room) < 0;
        Py_XDECREF(item);
    }
    Py_XDECREF(items);
    if (!failed)
        return close_container(head, at, 0, size, room);
    if (PyErr_ExceptionMatches(PyExc_RuntimeError) && !PyErr_ExceptionMatches(PyExc_RecursionError))
        PyErr_Clear(); /* another thread has changed it */
    return -1;
}

/* Copy a container; -1 without an exception as well where the value is none of these. */
int
hot_copy_container(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyTypeObject *kind = Py_TYPE(value);
    int (*copy)(PyObject *, Py_ssize_t, Room *);
    if (kind == &PyDict_Type || (PyObject *)kind == hot.defaultdict)
        copy = copy_dict;
    else if (kind == &PyList_Type || kind == &PyTuple_Type)
        copy = copy_sequence;
    else if (kind == &PySet_Type || kind == &PyFrozenSet_Type || (PyObject *)kind == hot.deque)
        copy = copy_iterable;
    else
        return -1;
    return depth >= room->depth ? put_one(room->draft, hot.too_deep) : copy(value, depth, room);
}
