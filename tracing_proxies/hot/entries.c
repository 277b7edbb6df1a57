/* Answers what stands for a function that instances hold in an entry of their own, as `_ToolFunction` of adapters/strands.py
   does: a descriptor on their class. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    PyObject *name;     /* of the entry */
    PyObject *standing; /* a dict of pairs by the first one's id: a function, and what stands for it */
} Entry;

/* What stands for what an entry holds, itself if nothing does: a new reference. */
static PyObject *
stand_for(Entry *self, PyObject *held)
{
    int is_bound = PyMethod_Check(held);
    PyObject *function = is_bound ? PyMethod_GET_FUNCTION(held) : held, *key = PyLong_FromVoidPtr(function), *known;
    if (key == NULL)
        return NULL;
    known = PyDict_GetItemWithError(self->standing, key);
    Py_DECREF(key);
    if (known == NULL || !PyTuple_CheckExact(known) || PyTuple_GET_SIZE(known) != 2)
        return PyErr_Occurred() ? NULL : Py_NewRef(held);
    known = PyTuple_GET_ITEM(known, 1);
    return is_bound ? PyMethod_New(known, PyMethod_GET_SELF(held)) : Py_NewRef(known);
}

static PyObject *
entry_get(Entry *self, PyObject *instance, PyObject *owner)
{
    PyObject *entries, *held = NULL, *answer = NULL;
    if (instance == NULL || instance == Py_None)
        return Py_NewRef((PyObject *)self);
    entries = PyObject_GetAttr(instance, hot.dict);
    if (entries != NULL && PyDict_Check(entries))
        held = Py_XNewRef(PyDict_GetItemWithError(entries, self->name));
    if (held != NULL)
        answer = stand_for(self, held);
    else if (!PyErr_Occurred())
        PyErr_SetObject(PyExc_AttributeError, self->name);
    Py_XDECREF(held);
    Py_XDECREF(entries);
    return answer;
}

/* Entry(name, standing) */
static PyObject *
entry_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *name, *standing;
    if (!PyArg_ParseTuple(args, "UO!:Entry", &name, &PyDict_Type, &standing))
        return NULL;
    Entry *made = (Entry *)type->tp_alloc(type, 0);
    if (made != NULL) {
        made->name = Py_NewRef(name);
        made->standing = Py_NewRef(standing);
    }
    return (PyObject *)made;
}

static int
entry_traverse(Entry *self, visitproc visit, void *arg)
{
    Py_VISIT(self->standing);
    return 0;
}

static int
entry_clear(Entry *self)
{
    Py_CLEAR(self->standing);
    return 0;
}

static void
entry_dealloc(Entry *self)
{
    PyObject_GC_UnTrack(self);
    entry_clear(self);
    Py_CLEAR(self->name);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject EntryType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Entry",
    .tp_basicsize = sizeof(Entry),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = entry_new,
    .tp_descr_get = (descrgetfunc)entry_get,
    .tp_dealloc = (destructor)entry_dealloc,
    .tp_traverse = (traverseproc)entry_traverse,
    .tp_clear = (inquiry)entry_clear,
};
