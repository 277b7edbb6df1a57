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

/* Copy one field; 0 where that is not for here. */
static int
copy_field(PyObject *copied, PyObject *name, PyObject *item, Py_ssize_t depth, Room *room)
{
    if (!PyUnicode_CheckExact(name) || PyUnicode_GET_LENGTH(name) > room->left)
        return 0;
    room->left -= PyUnicode_GET_LENGTH(name);
    Py_INCREF(item);
    PyObject *entry = copy_entry(item, depth, room);
    int done = entry != NULL && PyDict_SetItem(copied, name, entry) == 0;
    Py_XDECREF(entry);
    Py_DECREF(item);
    return done;
}

/* Copy a named tuple. */
static PyObject *
copy_named(PyObject *value, PyObject *names, Py_ssize_t depth, Room *room)
{
    PyObject *copied = PyDict_New();
    Py_ssize_t size = PyTuple_GET_SIZE(names);
    if (size > PyTuple_GET_SIZE(value))
        size = PyTuple_GET_SIZE(value);
    for (Py_ssize_t at = 0; copied != NULL && at < size && at < room->items; at++) {
        PyObject *name = PyTuple_GET_ITEM(names, at);
        if (!copy_field(copied, name, PyTuple_GET_ITEM(value, at), depth, room) || PyDict_GET_SIZE(copied) != at + 1)
            Py_CLEAR(copied); /* as well where two have the same name, which the original tells apart */
    }
    return hot_inert(copied);
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
static PyObject *
copy_fields(PyObject *value, PyObject *names, Py_ssize_t depth, Room *room)
{
    PyObject *copied, *fields = NULL, *item;
    if (depth >= room->depth)
        return Py_NewRef(hot.too_deep);
    if (PyTuple_Check(value))
        return copy_named(value, names, depth, room);
    if (Py_TYPE(value)->tp_dictoffset != 0) {
        fields = PyObject_GenericGetDict(value, NULL);
        if (fields == NULL)
            return NULL;
        if (!PyDict_CheckExact(fields))
            Py_CLEAR(fields);
    }
    copied = PyDict_New();
    Py_ssize_t more = room->items;
    for (Py_ssize_t at = 0; copied != NULL && at < PyTuple_GET_SIZE(names) && more > 0; at++) {
        PyObject *name = PyTuple_GET_ITEM(names, at);
        int there = read_stored(value, fields, name, &item);
        if (there < 0 || (there && !copy_field(copied, name, item, depth, room)))
            Py_CLEAR(copied);
        more -= there;
    }
    Py_XDECREF(fields);
    return hot_inert(copied);
}

/* Copy an object of a type whose text runs no code of the application: a moment, a decimal, a path. */
static PyObject *
copy_textual(PyObject *value, Room *room)
{
    PyObject *key = PyLong_FromVoidPtr(Py_TYPE(value)), *write, *text, *copied = NULL;
    if (key == NULL)
        return NULL;
    write = PyDict_GetItemWithError(hot.textual, key);
    Py_DECREF(key);
    if (write == NULL || (text = PyObject_CallOneArg(write, value)) == NULL)
        return NULL;
    if (PyUnicode_CheckExact(text))
        copied = hot_copy_text(text, room);
    Py_DECREF(text);
    return copied;
}

/* Copy an object of which it is known how. */
static PyObject *
copy_as(PyObject *how, PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *fields, *within, *copied;
    if (PyUnicode_CheckExact(how))
        return Py_NewRef(how);
    if (PyTuple_CheckExact(how))
        return copy_fields(value, how, depth, room);
    if (how != hot.enumeration || (fields = PyObject_GenericGetDict(value, NULL)) == NULL)
        return NULL;
    within = Py_XNewRef(PyDict_GetItemWithError(fields, hot.value));
    Py_DECREF(fields);
    copied = within == NULL ? NULL : hot_copy(within, depth, room);
    Py_XDECREF(within);
    return copied;
}

PyObject *
hot_copy_model(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *how = hot_learned(Py_TYPE(value));
    if (how == NULL)
        return PyErr_Occurred() ? NULL : copy_textual(value, room);
    PyObject *copied = copy_as(how, value, depth, room);
    Py_DECREF(how); /* what is known of types may be forgotten meanwhile */
    return copied;
}
