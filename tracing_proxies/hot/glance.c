/* Takes the first look at finished spans, as monitoring/glance.py does. Nothing that it compares or looks up runs code;
   what is no builtin object is left to the closer look. */
#include "closer.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    PyObject *traces, *latest, *tops, *plain;
    Py_ssize_t most, many;
} Glance;

/* Whether all tags are texts. */
static int
are_texts(PyObject *tags)
{
    if (!PyTuple_CheckExact(tags))
        return 0;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(tags); at++)
        if (!PyUnicode_CheckExact(PyTuple_GET_ITEM(tags, at)))
            return 0;
    return 1;
}

/* Note a span at the top of its trace; 1 where that is all, -1 on an exception. */
static int
note_top(Glance *self, PyObject **field, PyObject *taken)
{
    if (self->many >= self->most || !PyUnicode_CheckExact(field[TRACE_NAME]) || !are_texts(field[TAGS]) ||
        !PyFloat_CheckExact(field[WEIGHT]))
        return 0;
    PyObject *key = PyTuple_Pack(3, field[TRACE_NAME], field[TAGS], field[WEIGHT]), *list, *held;
    if (key == NULL || (list = PyList_New(0)) == NULL) {
        Py_XDECREF(key);
        return -1;
    }
    /* All has been made by now: nobody else takes what was noted from here on. */
    hot_inert(key);
    hot_inert(list);
    held = PyDict_SetDefault(self->tops, key, list);
    int failed = held == NULL || PyList_Append(held, taken) < 0;
    self->many += !failed;
    Py_DECREF(key);
    Py_DECREF(list);
    return failed ? -1 : 1;
}

static int
look_at_span(Glance *self, PyObject **field, PyObject *target)
{
    PyObject *taken = PyNumber_Subtract(field[END], field[START]), *last;
    if (taken == NULL)
        return -1;
    last = PyTuple_Pack(4, field[TRACE_ID], field[ID], taken, field[END]);
    int done = last == NULL ? -1 : PyDict_SetItem(self->latest, target, hot_inert(last));
    Py_XDECREF(last);
    if (done == 0 && PyUnicode_CheckExact(field[KIND]) && PyDict_CheckExact(field[METADATA]) &&
        PyDict_GET_SIZE(field[METADATA]) == 0 && PyUnicode_CheckExact(field[LEVEL]) &&
        !hot_is_text(field[LEVEL], hot.error_level) && PyUnicode_CheckExact(field[TRACE_ID]) &&
        (done = PySet_Contains(self->plain, field[KIND])) == 1) {
        int is_known = PyDict_Contains(self->traces, field[TRACE_ID]);
        done = is_known < 0 ? -1 : is_known ? 0 : field[APP_ROOT] == Py_False ? 1
               : field[APP_ROOT] == Py_True ? note_top(self, field, taken) : 0;
    }
    Py_DECREF(taken);
    return done;
}

/* What any glance says of a span: whether there is no more to be told; -1 on an exception. */
int
hot_glance(PyObject *glance, PyObject *span, PyObject *target)
{
    if (Py_TYPE(glance) == &GlanceType)
        return look_at_span((Glance *)glance, ((PyTupleObject *)span)->ob_item, target);
    PyObject *told = PyObject_CallFunctionObjArgs(glance, span, target, NULL);
    int done = told == NULL ? -1 : PyObject_IsTrue(told);
    Py_XDECREF(told);
    return done;
}

/* glance(span, target): whether there is no more to be told */
static PyObject *
glance_call(PyObject *self, PyObject *const *args, size_t given, PyObject *names)
{
    if (PyVectorcall_NARGS(given) != 2 || (names != NULL && PyTuple_GET_SIZE(names)) || !PyTuple_Check(args[0]) ||
        PyTuple_GET_SIZE(args[0]) != FIELDS || !PyUnicode_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "an observation and its target are needed");
        return NULL;
    }
    int done = look_at_span((Glance *)self, ((PyTupleObject *)args[0])->ob_item, args[1]);
    return done < 0 ? NULL : PyBool_FromLong(done);
}

/* Whether a glance has noted something that nobody has taken; it may be the original, of which that is not known. */
int
hot_has_tops(PyObject *glance)
{
    return Py_TYPE(glance) != &GlanceType || PyDict_GET_SIZE(((Glance *)glance)->tops) > 0;
}

static PyObject *
glance_take(Glance *self, PyObject *nothing)
{
    PyObject *empty = PyDict_New(), *tops;
    if (empty == NULL)
        return NULL;
    tops = self->tops;
    self->tops = empty;
    self->many = 0;
    return tops;
}

static PyObject *
glance_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *traces;
    Py_ssize_t most;
    static char *names[] = {"traces", "most", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!n", names, &PyDict_Type, &traces, &most))
        return NULL;
    Glance *self = (Glance *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->call = glance_call;
    self->most = most;
    self->traces = Py_NewRef(traces);
    self->latest = PyDict_New();
    self->tops = PyDict_New();
    self->plain = Py_BuildValue("ssssssss", "span", "event", "generation", "embedding", "retriever", "guardrail",
                                "evaluator", "chain");
    if (self->plain != NULL)
        Py_SETREF(self->plain, PyFrozenSet_New(self->plain));
    if (self->latest == NULL || self->tops == NULL || self->plain == NULL)
        Py_CLEAR(self);
    return (PyObject *)self;
}

static void
glance_dealloc(Glance *self)
{
    Py_XDECREF(self->traces);
    Py_XDECREF(self->latest);
    Py_XDECREF(self->tops);
    Py_XDECREF(self->plain);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef glance_methods[] = {
    {"take", (PyCFunction)glance_take, METH_NOARGS, "Return what was noted of spans at the top, and forget it."},
    {NULL},
};

static PyMemberDef glance_members[] = {
    {"latest", T_OBJECT_EX, offsetof(Glance, latest), READONLY, "The last span by target."},
    {NULL},
};

/* The collector need not know of it: what it holds, names and numbers, leads nowhere that leads back. */
PyTypeObject GlanceType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Glance",
    .tp_basicsize = sizeof(Glance),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_new = glance_new,
    .tp_dealloc = (destructor)glance_dealloc,
    .tp_call = PyVectorcall_Call,
    .tp_vectorcall_offset = offsetof(Glance, call),
    .tp_methods = glance_methods,
    .tp_members = glance_members,
};
