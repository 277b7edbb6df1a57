/* Copies the fields of models, as `Copy.model`. */
#include "copying.h"

/* How objects of a type are recorded, where that is known; NULL if it is not. */
PyObject *
hot_learned(PyTypeObject *kind)
{
    PyObject *key = PyLong_FromVoidPtr(kind), *entry;
    if (key == NULL)
        return NULL;
    entry = PyDict_GetItemWithError(hot.learned, key);
    Py_DECREF(key);
    if (entry == NULL || !PyTuple_CheckExact(entry) || PyTuple_GET_SIZE(entry) != 2)
        return NULL;
    return hot_refers_to(PyTuple_GET_ITEM(entry, 0), (PyObject *)kind) ? Py_NewRef(PyTuple_GET_ITEM(entry, 1)) : NULL;
}

/* Copy one field.

   names: those of the fields before, as soon as one had to be cut. `head`: where the fields begin. */
static int
copy_field(PyObject *name, PyObject *item, PyObject **names, Py_ssize_t head, Py_ssize_t depth, Room *room)
{
    if (!PyUnicode_CheckExact(name))
        return -1;
    Py_INCREF(item); /* whatever is made may run the collector */
    if (put_new(room->draft, hot_name_entry(name, names, head, room)) < 0) {
        Py_DECREF(item);
        return -1;
    }
    int done = copy_entry(item, depth, room);
    Py_DECREF(item);
    return done;
}

/* Whether a field has the name of one before it. */
static int
is_repeated(PyObject *names, Py_ssize_t at)
{
    for (Py_ssize_t before = 0; before < at; before++)
        if (hot_is_text(PyTuple_GET_ITEM(names, before), PyTuple_GET_ITEM(names, at)))
            return 1;
    return 0;
}

/* Copy a named tuple. */
static int
copy_named(PyObject *value, PyObject *names, Py_ssize_t depth, Room *room)
{
    Py_ssize_t size = PyTuple_GET_SIZE(names), head = open_container(room->draft), at;
    PyObject *given = NULL;
    int failed = head < 0;
    if (size > PyTuple_GET_SIZE(value))
        size = PyTuple_GET_SIZE(value);
    for (at = 0; !failed && at < size && at < room->items; at++)
        /* The original tells two of the same name apart. */
        failed = is_repeated(names, at) ||
                 copy_field(PyTuple_GET_ITEM(names, at), PyTuple_GET_ITEM(value, at), &given, head, depth, room) < 0;
    Py_XDECREF(given);
    if (failed)
        return -1;
    room->draft->words[head] = HEAD_OF(at, 1);
    return 0;
}

/* Read a field from the object's dict, or else from a slot: 1, 0 where there is none, -1 where that is not for here. */
static int
read_stored(PyObject *value, PyObject *fields, PyObject *name, PyObject **item)
{
    if (!PyUnicode_CheckExact(name))
        return -1;
    *item = fields == NULL ? NULL : PyDict_GetItemWithError(fields, name);
    if (*item != NULL || PyErr_Occurred())
        return *item != NULL ? 1 : -1;
    PyObject *found = _PyType_Lookup(Py_TYPE(value), name); /* the nearest, which is a slot in all but odd classes */
    if (found == NULL)
        return PyErr_Occurred() ? -1 : 0;
    if (Py_TYPE(found) != &PyMemberDescr_Type)
        return -1;
    PyMemberDescrObject *slot = (PyMemberDescrObject *)found;
    if (slot->d_member->type != T_OBJECT_EX || !PyObject_TypeCheck(value, PyDescr_TYPE(slot)))
        return -1;
    *item = *(PyObject **)((char *)value + slot->d_member->offset);
    return *item != NULL;
}

/* Copy the fields of an object that keeps them in its dict or in slots, as those of dataclasses, attrs and pydantic do. */
static int
copy_fields(PyObject *value, PyObject *names, Py_ssize_t depth, Room *room)
{
    PyObject *fields = NULL, *given = NULL, *item;
    if (depth >= room->depth)
        return put_one(room->draft, hot.too_deep);
    if (PyTuple_Check(value))
        return copy_named(value, names, depth, room);
    if (Py_TYPE(value)->tp_dictoffset != 0) {
        fields = PyObject_GenericGetDict(value, NULL);
        if (fields == NULL)
            return -1;
        if (!PyDict_CheckExact(fields))
            Py_CLEAR(fields);
    }
    Py_ssize_t head = open_container(room->draft), count = 0;
    int failed = head < 0;
    for (Py_ssize_t at = 0; !failed && at < PyTuple_GET_SIZE(names) && count < room->items; at++) {
        PyObject *name = PyTuple_GET_ITEM(names, at);
        int there = read_stored(value, fields, name, &item);
        failed = there < 0 || (there && copy_field(name, item, &given, head, depth, room) < 0);
        count += there;
    }
    Py_XDECREF(given);
    Py_XDECREF(fields);
    if (failed)
        return -1;
    room->draft->words[head] = HEAD_OF(count, 1);
    return 0;
}

/* Copy an object of a type whose text runs no code of the application: a moment, a decimal, a path. */
static int
copy_textual(PyObject *value, Room *room)
{
    PyObject *key = PyLong_FromVoidPtr(Py_TYPE(value)), *write, *text;
    int done = -1;
    if (key == NULL)
        return -1;
    write = PyDict_GetItemWithError(hot.textual, key);
    Py_DECREF(key);
    if (write == NULL || (text = PyObject_CallOneArg(write, value)) == NULL)
        return -1;
    if (PyUnicode_CheckExact(text))
        done = put_new(room->draft, hot_cut_text(text, room));
    Py_DECREF(text);
    return done;
}

/* Copy an object of which it is known how. */
static int
copy_as(PyObject *how, PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *fields, *within;
    if (PyUnicode_CheckExact(how))
        return put_one(room->draft, how);
    if (PyTuple_CheckExact(how))
        return copy_fields(value, how, depth, room);
    if (how != hot.enumeration || (fields = PyObject_GenericGetDict(value, NULL)) == NULL)
        return -1;
    within = Py_XNewRef(PyDict_GetItemWithError(fields, hot.value));
    Py_DECREF(fields);
    int done = within == NULL ? -1 : hot_copy(within, depth, room);
    Py_XDECREF(within);
    return done;
}

int
hot_copy_model(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *how = hot_learned(Py_TYPE(value));
    if (how == NULL)
        return PyErr_Occurred() ? -1 : copy_textual(value, room);
    int done = copy_as(how, value, depth, room);
    Py_DECREF(how); /* what is known of types may be forgotten meanwhile */
    return done;
}
