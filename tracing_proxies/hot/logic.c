/* Judges calls by what paths read of them, as the closures of registry/path_logic.py do. */
#include "parts.h"

enum { ANY, ALL, FIRST, NOT, EQUALS, AMONG, STARTS, ENDS, PIPED, KINDS };
static const char *const names[KINDS] = {"any", "all", "first", "not", "equals", "among", "startswith", "endswith", "piped"};

typedef struct {
    PyObject_HEAD
    int kind, wanted;
    PyObject *parts; /* a tuple of what is evaluated on a call */
    PyObject *fixed; /* what that is compared with, or the argument of a filter; NULL where there is none */
    PyObject *apply; /* the filter; NULL where there is none */
} Judgement;

/* Whether a value compares without foreign code for sure. */
static inline int
is_scalar(PyObject *value)
{
    return value == Py_None || PyUnicode_CheckExact(value) || PyBool_Check(value) || PyLong_CheckExact(value) ||
        PyFloat_CheckExact(value) || PyBytes_CheckExact(value);
}

/* Whether an answer is True; takes it, -1 if there is none. */
static int
is_true(PyObject *answer)
{
    int yes = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return yes;
}

/* As `truth` of registry/path_values.py: 1, 0, or -1 with an exception. */
int
hot_truth(PyObject *value)
{
    if (value == Py_True)
        return 1;
    if (value == Py_False || value == hot.MISSING)
        return 0;
    if (is_scalar(value) || PyDict_CheckExact(value) || PyList_CheckExact(value) || PyTuple_CheckExact(value))
        return PyObject_IsTrue(value);
    return is_true(PyObject_CallOneArg(hot.truth, value));
}

static int
equals(PyObject *found, PyObject *fixed)
{
    if (found == hot.MISSING)
        return 0;
    if (is_scalar(found))
        return is_true(PyObject_RichCompare(found, fixed, Py_EQ));
    PyObject *told = PyObject_CallFunctionObjArgs(hot.equal, found, fixed, NULL);
    Py_XDECREF(told); /* True, False or None */
    return told == NULL ? -1 : told == Py_True;
}

static int
is_among(PyObject *found, PyObject *fixed, int wanted)
{
    if (found == hot.MISSING)
        return 0;
    if (is_scalar(found)) {
        int held = PySequence_Contains(fixed, found);
        return held < 0 ? -1 : held == wanted;
    }
    PyObject *told = PyObject_CallFunctionObjArgs(hot.contains, fixed, found, NULL);
    Py_XDECREF(told); /* True, False or None */
    return told == NULL ? -1 : told == (wanted ? Py_True : Py_False);
}

/* Put a value through a filter. */
static PyObject *
filter(Judgement *self, PyObject *found)
{
    if (self->kind == PIPED || !PyUnicode_CheckExact(found))
        return PyObject_CallFunctionObjArgs(self->apply, found, self->fixed, NULL);
    Py_ssize_t fits = PyUnicode_Tailmatch(found, self->fixed, 0, PY_SSIZE_T_MAX, self->kind == STARTS ? -1 : 1);
    return fits < 0 ? NULL : PyBool_FromLong((long)fits);
}

/* Evaluate one part after the other until one of them decides. */
static PyObject *
go_through(Judgement *self, PyObject *scope)
{
    PyObject *found = Py_NewRef(hot.MISSING);
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(self->parts); at++) {
        Py_SETREF(found, hot_read(PyTuple_GET_ITEM(self->parts, at), scope));
        if (found == NULL)
            return NULL;
        int holds = self->kind == FIRST ? found != hot.MISSING && found != Py_None : hot_truth(found);
        if (holds < 0) {
            Py_DECREF(found);
            return NULL;
        }
        if (holds != (self->kind == ALL))
            return found;
    }
    if (self->kind == FIRST)
        Py_SETREF(found, Py_NewRef(hot.MISSING));
    return found;
}

PyObject *
hot_judge(PyObject *judgement, PyObject *scope)
{
    Judgement *self = (Judgement *)judgement;
    PyObject *found, *answer = NULL;
    int holds;
    if (self->kind <= FIRST)
        return go_through(self, scope);
    found = hot_read(PyTuple_GET_ITEM(self->parts, 0), scope);
    if (found == NULL)
        return NULL;
    if (self->kind >= STARTS)
        answer = found == hot.MISSING ? Py_NewRef(found) : filter(self, found);
    else {
        holds = self->kind == EQUALS  ? equals(found, self->fixed)
                : self->kind == AMONG ? is_among(found, self->fixed, self->wanted)
                                      : hot_truth(found);
        if (holds >= 0)
            answer = PyBool_FromLong(self->kind == NOT ? holds == self->wanted : holds);
    }
    Py_DECREF(found);
    return answer;
}

static PyObject *
judgement_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    PyObject *scope;
    if (!PyArg_UnpackTuple(args, "condition", 1, 1, &scope))
        return NULL;
    return hot_judge(self, scope);
}

/* Whether what a kind needs is there. */
static int
is_whole(int kind, PyObject *parts, PyObject *fixed, PyObject *apply)
{
    if (kind == KINDS || (kind > FIRST && PyTuple_GET_SIZE(parts) != 1) || (kind >= STARTS) != (apply != NULL))
        return 0;
    if (kind == STARTS || kind == ENDS)
        return fixed != NULL && PyUnicode_CheckExact(fixed);
    return kind == AMONG ? fixed != NULL && PyList_CheckExact(fixed) : kind != EQUALS || fixed != NULL;
}

/* Judgement(kind, parts, fixed, apply, wanted) */
static PyObject *
judgement_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *keywords[] = {"kind", "parts", "fixed", "apply", "wanted", NULL};
    const char *name;
    PyObject *parts, *fixed = NULL, *apply = NULL;
    int wanted = 1, kind = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "sO!|OOp:Judgement", keywords, &name, &PyTuple_Type, &parts, &fixed,
                                     &apply, &wanted))
        return NULL;
    while (kind < KINDS && strcmp(name, names[kind]) != 0)
        kind++;
    if (!is_whole(kind, parts, fixed, apply))
        return PyErr_Format(PyExc_TypeError, "no judgement of the kind %s", name);
    Judgement *made = (Judgement *)type->tp_alloc(type, 0);
    if (made == NULL)
        return NULL;
    made->kind = kind;
    made->wanted = wanted;
    made->parts = Py_NewRef(parts);
    made->fixed = Py_XNewRef(fixed);
    made->apply = Py_XNewRef(apply);
    return (PyObject *)made;
}

static int
judgement_traverse(Judgement *self, visitproc visit, void *arg)
{
    Py_VISIT(self->parts);
    Py_VISIT(self->fixed);
    Py_VISIT(self->apply);
    return 0;
}

static int
judgement_clear(Judgement *self)
{
    Py_CLEAR(self->parts);
    Py_CLEAR(self->fixed);
    Py_CLEAR(self->apply);
    return 0;
}

static void
judgement_dealloc(Judgement *self)
{
    PyObject_GC_UnTrack(self);
    judgement_clear(self);
    Py_TYPE(self)->tp_free(self);
}

PyTypeObject JudgementType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Judgement",
    .tp_basicsize = sizeof(Judgement),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = judgement_new,
    .tp_call = judgement_call,
    .tp_dealloc = (destructor)judgement_dealloc,
    .tp_traverse = (traverseproc)judgement_traverse,
    .tp_clear = (inquiry)judgement_clear,
};
