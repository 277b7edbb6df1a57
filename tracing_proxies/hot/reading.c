/* Reads values of calls by capture paths, as registry/path_steps.py, registry/paths.py and registry/template.py do. */
#include "parts.h"

/* A path of names only: where it starts, and the names of what is read one below the other. */
typedef struct {
    PyObject_HEAD
    PyObject *root;  /* a text: what of the call it starts with; else what answers that: a callable */
    PyObject *names; /* a tuple of texts */
    Py_ssize_t slot; /* where that stands in a call's scope; 0 where it is not known yet, -1 where it is in none */
    int of_argument; /* whether the first name is an argument's */
    int of_error;
} Reading;

/* Reads one field of an object of a type that is known to run no code then, as `_direct_reader`. */
typedef struct {
    PyObject_HEAD
    PyObject *name;
} Direct;

static PyObject *
read_directly(Direct *self, PyObject *object)
{
    PyObject *found = PyObject_GenericGetAttr(object, self->name);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_AttributeError)) {
        PyErr_Clear();
        found = Py_NewRef(hot.MISSING);
    }
    return found;
}

/* What reads a field of objects of a type, where that is known; NULL if it is not. */
static PyObject *
reader_of(PyTypeObject *kind, PyObject *name)
{
    PyObject *key = PyLong_FromVoidPtr(kind), *entry, *reader = NULL;
    if (key == NULL)
        return NULL;
    entry = PyDict_GetItemWithError(hot.readers, key);
    Py_DECREF(key);
    if (entry == NULL || !PyTuple_CheckExact(entry) || PyTuple_GET_SIZE(entry) != 3)
        return NULL;
    if (hot_refers_to(PyTuple_GET_ITEM(entry, 0), (PyObject *)kind) && PyDict_CheckExact(PyTuple_GET_ITEM(entry, 1)))
        reader = PyDict_GetItemWithError(PyTuple_GET_ITEM(entry, 1), name);
    return Py_XNewRef(reader);
}

/* As `read_field`. */
static PyObject *
read_field(PyObject *object, PyObject *name)
{
    PyObject *reader, *found;
    if (PyDict_CheckExact(object)) {
        found = PyDict_GetItemWithError(object, name);
        return found != NULL ? Py_NewRef(found) : PyErr_Occurred() ? NULL : Py_NewRef(hot.MISSING);
    }
    reader = reader_of(Py_TYPE(object), name);
    if (reader == NULL)
        return PyErr_Occurred() ? NULL : PyObject_CallFunctionObjArgs(hot.read_field, object, name, NULL);
    found = Py_TYPE(reader) == &DirectType ? read_directly((Direct *)reader, object)
                                           : PyObject_CallOneArg(reader, object);
    Py_DECREF(reader);
    return found;
}

static PyObject *
direct_call(Direct *self, PyObject *args, PyObject *kwargs)
{
    PyObject *object;
    if ((kwargs != NULL && PyDict_GET_SIZE(kwargs)) || !PyArg_UnpackTuple(args, "reader", 1, 1, &object))
        return kwargs != NULL && !PyErr_Occurred() ? PyErr_Format(PyExc_TypeError, "no keywords") : NULL;
    return read_directly(self, object);
}

static PyObject *
direct_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *name;
    if (!PyArg_ParseTuple(args, "U:Direct", &name))
        return NULL;
    Direct *made = (Direct *)type->tp_alloc(type, 0);
    if (made != NULL)
        made->name = Py_NewRef(name);
    return (PyObject *)made;
}

static void
direct_dealloc(Direct *self)
{
    Py_XDECREF(self->name);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject DirectType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Direct",
    .tp_basicsize = sizeof(Direct),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = direct_new,
    .tp_call = (ternaryfunc)direct_call,
    .tp_dealloc = (destructor)direct_dealloc,
};

/* Where a name stands in a call's scope; 0 as long as that cannot be known, -1 where it stands in none. */
static Py_ssize_t
slot_of(PyObject *name)
{
    Py_ssize_t at = -1;
    if (hot.type.CallScope == NULL)
        return 0;
    PyObject *found = PyObject_GetAttr((PyObject *)hot.type.CallScope, name);
    if (found == NULL)
        PyErr_Clear(); /* of a trace */
    else if (Py_TYPE(found) == &PyMemberDescr_Type)
        at = ((PyMemberDescrObject *)found)->d_member->offset;
    Py_XDECREF(found);
    return at;
}

/* What a path starts with. */
static PyObject *
start(Reading *self, PyObject *scope)
{
    PyObject *found;
    if (!PyUnicode_CheckExact(self->root))
        return hot_read(self->root, scope);
    if (!self->slot)
        self->slot = slot_of(self->root);
    if (self->slot > 0 && Py_TYPE(scope) == hot.type.CallScope && *(PyObject **)((char *)scope + self->slot) != NULL)
        found = Py_NewRef(*(PyObject **)((char *)scope + self->slot));
    else
        found = PyObject_GetAttr(scope, self->root);
    if (self->of_error && found == Py_None)
        Py_SETREF(found, Py_NewRef(hot.MISSING));
    return found;
}

static PyObject *
read_path(Reading *self, PyObject *scope)
{
    PyObject *value = start(self, scope), *below;
    for (Py_ssize_t at = 0; value != NULL && at < PyTuple_GET_SIZE(self->names); at++) {
        if (value == hot.MISSING)
            break;
        PyObject *name = PyTuple_GET_ITEM(self->names, at);
        if (at == 0 && self->of_argument && !PyDict_CheckExact(value))
            below = PyObject_CallMethodObjArgs(value, hot.get, name, hot.MISSING, NULL);
        else
            below = read_field(value, name);
        Py_SETREF(value, below);
    }
    return value;
}

static PyObject *
reading_call(Reading *self, PyObject *args, PyObject *kwargs)
{
    PyObject *scope;
    if (!PyArg_UnpackTuple(args, "path", 1, 1, &scope))
        return NULL;
    return read_path(self, scope);
}

/* Reading(root, names): `root` is "args" where the first name is an argument's, another text for what else of a call it
   starts with, or a callable. */
static PyObject *
reading_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *root, *names;
    if (!PyArg_ParseTuple(args, "OO!:Reading", &root, &PyTuple_Type, &names))
        return NULL;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(names); at++)
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(names, at)))
            return PyErr_Format(PyExc_TypeError, "names are texts");
    Reading *made = (Reading *)type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    made->root = Py_NewRef(root);
    made->names = Py_NewRef(names);
    if (PyUnicode_CheckExact(root)) {
        made->of_argument = PyUnicode_CompareWithASCIIString(root, "args") == 0;
        made->of_error = PyUnicode_CompareWithASCIIString(root, "error") == 0;
    }
    return (PyObject *)made;
}

static int
reading_traverse(Reading *self, visitproc visit, void *arg)
{
    Py_VISIT(self->root);
    Py_VISIT(self->names);
    return 0;
}

static int
reading_clear(Reading *self)
{
    Py_CLEAR(self->root);
    Py_CLEAR(self->names);
    return 0;
}

static void
reading_dealloc(Reading *self)
{
    PyObject_GC_UnTrack(self);
    reading_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMemberDef reading_members[] = {
    {"root", T_OBJECT, offsetof(Reading, root), READONLY, NULL},
    {"names", T_OBJECT, offsetof(Reading, names), READONLY, NULL},
    {NULL},
};

PyTypeObject ReadingType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Reading",
    .tp_basicsize = sizeof(Reading),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = reading_new,
    .tp_call = (ternaryfunc)reading_call,
    .tp_dealloc = (destructor)reading_dealloc,
    .tp_traverse = (traverseproc)reading_traverse,
    .tp_clear = (inquiry)reading_clear,
    .tp_members = reading_members,
};

/* Evaluate a part of a path: one of ours, or another callable. */
PyObject *
hot_read(PyObject *how, PyObject *scope)
{
    if (Py_TYPE(how) == &ReadingType)
        return read_path((Reading *)how, scope);
    if (Py_TYPE(how) == &JudgementType)
        return hot_judge(how, scope);
    return PyObject_CallOneArg(how, scope);
}

/* Evaluate a path; whatever is absent or odd is MISSING. */
static PyObject *
evaluate_path(PyObject *path, PyObject *scope)
{
    PyObject *found = hot_read(SLOT(path, CapturePath, _value), scope);
    if (found == NULL && PyErr_ExceptionMatches(PyExc_Exception)) {
        PyErr_Clear();
        found = Py_NewRef(hot.MISSING);
    }
    return found;
}

/* One part of a template: fixed text, a path, or None for the function's name. */
static PyObject *
render_part(PyObject *part, PyObject *scope)
{
    PyObject *value, *text;
    if (PyUnicode_CheckExact(part))
        return Py_NewRef(part);
    value = part == Py_None ? PyObject_GetAttr(scope, hot.function) : hot_evaluate(part, scope);
    if (value == NULL || (PyUnicode_CheckExact(value) && PyUnicode_GET_LENGTH(value) <= LONGEST_RENDERED))
        return value;
    text = PyObject_CallOneArg(hot.render, value);
    Py_DECREF(value);
    return text;
}

static PyObject *
fill(PyObject *template, PyObject *scope)
{
    PyObject *parts = SLOT(template, Template, parts), *texts, *joined;
    if (!PyTuple_CheckExact(parts) || Py_TYPE(scope) != hot.type.CallScope)
        return PyObject_CallOneArg(template, scope);
    texts = PyTuple_New(PyTuple_GET_SIZE(parts));
    for (Py_ssize_t at = 0; texts != NULL && at < PyTuple_GET_SIZE(parts); at++) {
        PyObject *text = render_part(PyTuple_GET_ITEM(parts, at), scope);
        if (text == NULL)
            Py_CLEAR(texts);
        else
            PyTuple_SET_ITEM(texts, at, text);
    }
    joined = texts == NULL ? NULL : PyUnicode_Join(hot.empty, texts);
    Py_XDECREF(texts);
    return joined;
}

/* Evaluate a value of a rule, a path or a template, on a call. */
PyObject *
hot_evaluate(PyObject *value, PyObject *scope)
{
    if (Py_TYPE(value) == hot.type.CapturePath)
        return evaluate_path(value, scope);
    if (Py_TYPE(value) == hot.type.Template)
        return fill(value, scope);
    return PyObject_CallOneArg(value, scope);
}

/* Judge a path as a condition, as `CapturePath.holds`: 1, 0, or -1 with an exception. */
int
hot_holds(PyObject *path, PyObject *scope)
{
    PyObject *found = hot_evaluate(path, scope);
    int answer = found == NULL ? -1 : hot_truth(found);
    Py_XDECREF(found);
    return answer;
}
