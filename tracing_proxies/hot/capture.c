/* Copies what most calls have: texts and numbers, containers by containers.c, models by models.c. A value that is not for
   here is copied by recording/copying.py, which this follows exactly; nothing here runs the application's code. */
#include "copying.h"

/* Whether a weak reference is to an object. */
int
hot_refers_to(PyObject *reference, PyObject *object)
{
    PyObject *referent;
#if PY_VERSION_HEX >= 0x030D0000
    if (PyWeakref_GetRef(reference, &referent) < 0)
        return 0;
#else
    referent = Py_XNewRef(PyWeakref_GetObject(reference));
#endif
    Py_XDECREF(referent);
    return referent == object;
}

/* The marker that stands for every object of a type, where that is known; NULL if it is not. */
static PyObject *
marker_of(PyTypeObject *kind)
{
    PyObject *how = hot_learned(kind);
    if (how != NULL && !PyUnicode_CheckExact(how))
        Py_CLEAR(how);
    return how;
}

/* As `flat_copy`: the very tuple, one with markers in it, or None where something has to be copied item by item. */
PyObject *
hot_flat_copy(PyObject *items, PyObject *limits)
{
    Py_ssize_t size = PyTuple_GET_SIZE(items), left = hot_limit(SLOT(limits, Limits, max_bytes));
    PyObject *copied = NULL;
    if (size > hot_limit(SLOT(limits, Limits, max_items)))
        Py_RETURN_NONE;
    for (Py_ssize_t at = 0; at < size; at++) {
        PyObject *item = PyTuple_GET_ITEM(items, at);
        if (PyUnicode_CheckExact(item)) {
            left -= PyUnicode_GET_LENGTH(item);
            continue;
        }
        if (is_atom(item, 1))
            continue;
        PyObject *marker = PyLong_CheckExact(item) ? NULL : marker_of(Py_TYPE(item));
        if (marker == NULL) {
            Py_XDECREF(copied);
            if (PyErr_Occurred())
                return NULL;
            Py_RETURN_NONE;
        }
        if (copied == NULL) {
            copied = PyTuple_New(size);
            if (copied == NULL) {
                Py_DECREF(marker);
                return NULL;
            }
            for (Py_ssize_t each = 0; each < size; each++)
                PyTuple_SET_ITEM(copied, each, Py_NewRef(PyTuple_GET_ITEM(items, each)));
        }
        PyObject *was = PyTuple_GET_ITEM(copied, at);
        PyTuple_SET_ITEM(copied, at, marker);
        Py_DECREF(was);
    }
    if (left < 0) {
        Py_XDECREF(copied);
        Py_RETURN_NONE;
    }
    return copied != NULL ? copied : Py_NewRef(items);
}

/* As `is_flat`. */
int
hot_is_flat(PyObject *dict, PyObject *limits)
{
    Py_ssize_t at = 0, left = hot_limit(SLOT(limits, Limits, max_bytes));
    PyObject *key, *item;
    if (PyDict_GET_SIZE(dict) > hot_limit(SLOT(limits, Limits, max_items)))
        return 0;
    while (PyDict_Next(dict, &at, &key, &item)) {
        if (!PyUnicode_CheckExact(key))
            return 0;
        if (PyUnicode_CheckExact(item))
            left -= PyUnicode_GET_LENGTH(item);
        else if (!is_atom(item, 1))
            return 0;
    }
    return left >= 0;
}

/* A text, or its beginning where there is not enough room. */
PyObject *
hot_cut_text(PyObject *text, Room *room)
{
    if (PyUnicode_GET_LENGTH(text) > room->left) {
        Py_ssize_t kept = room->left;
        room->left = 0;
        return PyObject_CallFunction(hot.cut_text, "On", text, kept);
    }
    room->left -= PyUnicode_GET_LENGTH(text);
    return Py_NewRef(text);
}

/* Say how many bytes there are, with a comma before every three digits. */
static int
note_bytes(PyObject *value, Room *room)
{
    char number[32], *first = number + sizeof(number) - 1;
    size_t rest = (size_t)(PyBytes_CheckExact(value) ? PyBytes_GET_SIZE(value) : PyByteArray_GET_SIZE(value));
    *first = 0;
    for (int digits = 0; rest > 0 || digits == 0; digits++, rest /= 10) {
        if (digits > 0 && digits % 3 == 0)
            *--first = ',';
        *--first = (char)('0' + rest % 10);
    }
    return put_new(room->draft, PyUnicode_FromFormat("<%s of %s bytes>", Py_TYPE(value)->tp_name, first));
}

/* Copy any value but a text or a number of 64 bits. */
static int
copy_object(PyObject *value, Py_ssize_t depth, Room *room)
{
    if (PyLong_CheckExact(value))
        return -1;
    if (PyBytes_CheckExact(value) || PyByteArray_CheckExact(value))
        return note_bytes(value, room);
    for (Open *open = room->open; open != NULL; open = open->above)
        if (open->value == value)
            return put_one(room->draft, hot.cycle);
    if (Py_EnterRecursiveCall(" in what is recorded of a call"))
        return -1;
    Open open = {value, room->open};
    room->open = &open;
    int done = hot_copy_container(value, depth, room);
    if (done < 0 && !PyErr_Occurred())
        done = hot_copy_model(value, depth, room);
    room->open = open.above;
    Py_LeaveRecursiveCall();
    return done;
}

/* Name the containers that are open above, by their ids. */
static PyObject *
list_open(Room *room)
{
    PyObject *ids = PyList_New(0);
    for (Open *open = room->open; ids != NULL && open != NULL; open = open->above) {
        PyObject *id = PyLong_FromVoidPtr(open->value);
        if (id == NULL || PyList_Append(ids, id) < 0)
            Py_CLEAR(ids);
        Py_XDECREF(id);
    }
    return ids;
}

/* Have a value copied in Python, in the room that is left. */
static int
copy_elsewhere(PyObject *value, Py_ssize_t depth, Room *room)
{
    PyObject *open = list_open(room), *told, *copied;
    int done = -1;
    if (open == NULL)
        return -1;
    told = PyObject_CallFunction(hot.copy_part, "OnOnnN", value, depth, room->limits, room->left, room->nodes, open);
    if (told != NULL && PyArg_ParseTuple(told, "Onn", &copied, &room->left, &room->nodes))
        done = hot_put_all(room->draft, copied);
    Py_XDECREF(told);
    return done;
}

/* As `Copy.take`; never -1 without an exception. */
int
hot_copy(PyObject *value, Py_ssize_t depth, Room *room)
{
    Py_ssize_t left = room->left, nodes = room->nodes, before = room->draft->size;
    if (--room->nodes < 0)
        return put_one(room->draft, hot.left_out);
    if (PyUnicode_CheckExact(value))
        return put_new(room->draft, hot_cut_text(value, room));
    if (is_atom(value, depth > 0))
        return put_one(room->draft, value);
    if (copy_object(value, depth, room) == 0)
        return 0;
    if (PyErr_Occurred())
        return -1;
    hot_shorten(room->draft, before);
    room->left = left;
    room->nodes = nodes;
    return copy_elsewhere(value, depth, room);
}

/* As `snapshot`, but what is copied of a container is kept as it need not be read yet. */
PyObject *
hot_kept(PyObject *value, PyObject *limits)
{
    Draft draft;
    Room room = {
        hot_limit(SLOT(limits, Limits, max_bytes)),
        0,
        hot_limit(SLOT(limits, Limits, max_items)),
        hot_limit(SLOT(limits, Limits, max_depth)),
        limits,
        NULL,
        &draft,
    };
    if (PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= room.left)
        return Py_NewRef(value);
    if (is_atom(value, 0))
        return Py_NewRef(value);
    begin_draft(&draft);
    room.nodes = room.items > PY_SSIZE_T_MAX / 40 ? PY_SSIZE_T_MAX : room.items * 40;
    if (PyDict_CheckExact(value) && hot_is_flat(value, limits)) {
        room.left = PY_SSIZE_T_MAX; /* the names of what is passed do not count */
        room.depth = 1;
    }
    PyObject *kept = hot_copy(value, 0, &room) < 0 ? NULL : hot_keep(&draft);
    end_draft(&draft);
    if (kept != NULL)
        return kept;
    if (PyErr_Occurred()) { /* a text that cannot be written, a stack that is full: the original has a marker for it */
        if (!PyErr_ExceptionMatches(PyExc_Exception))
            return NULL;
        PyErr_Clear();
    }
    return PyObject_CallFunctionObjArgs(hot.take_snapshot, value, limits, NULL);
}

/* As `snapshot`. */
PyObject *
hot_snapshot(PyObject *value, PyObject *limits)
{
    PyObject *kept = hot_kept(value, limits), *readable = hot_readable(kept);
    Py_XDECREF(kept);
    return readable;
}
