/* Finishes the spans that most are: whose names and tags were seen before, and that hold no events and no pieces of a
   stream, as `Preparer._prepare` of delivery/prepare.py does, which has the rest. */
#include "parts.h"

/* Write the lowest 64 bits of an id, 16 digits. */
static void
write_digits(Py_UCS1 *text, unsigned long long id)
{
    for (int at = 15; at >= 0; at--) {
        text[at] = (Py_UCS1)"0123456789abcdef"[id & 15];
        id >>= 4;
    }
}

static PyObject *
hex(PyObject *id, int digits)
{
    unsigned long long low = PyLong_AsUnsignedLongLongMask(id), high = 0;
    if (digits == 32) {
        PyObject *shift = PyLong_FromLong(64), *above = shift == NULL ? NULL : PyNumber_Rshift(id, shift);
        Py_XDECREF(shift);
        if (above == NULL)
            return NULL;
        high = PyLong_AsUnsignedLongLongMask(above);
        Py_DECREF(above);
    }
    PyObject *text = PyErr_Occurred() ? NULL : PyUnicode_New(digits, 127);
    if (text == NULL)
        return NULL;
    if (digits == 32)
        write_digits(PyUnicode_1BYTE_DATA(text), high);
    write_digits(PyUnicode_1BYTE_DATA(text) + digits - 16, low);
    return text;
}

static inline int
is_empty(PyObject *value)
{
    return value == Py_None || (PyDict_CheckExact(value) && PyDict_GET_SIZE(value) == 0) ||
           (PyTuple_CheckExact(value) && PyTuple_GET_SIZE(value) == 0);
}

static inline int
is_text(PyObject *value)
{
    return value == Py_None || PyUnicode_CheckExact(value);
}

/* What is taken as it is where it is known to be clean. It is taken once, and looked at only then: while the rest is
   masked the trace goes on, and others may name it anew. */
typedef struct {
    PyObject *name, *trace_name, *tags, *usage;
} Taken;

static void
take(Taken *taken, Span *span, Trace *trace)
{
    taken->name = Py_XNewRef(span->name);
    taken->trace_name = Py_XNewRef(trace->name);
    taken->tags = Py_XNewRef(trace->tags != NULL && is_empty(trace->tags) ? hot.nothing : trace->tags);
    taken->usage = span->usage == Py_None ? PyDict_New()
                   : span->usage == NULL ? NULL
                   : PyDict_CheckExact(span->usage) ? PyDict_Copy(span->usage)
                                                    : hot_readable(span->usage);
    if (taken->usage != NULL && !PyDict_CheckExact(taken->usage))
        Py_CLEAR(taken->usage);
}

static void
let_go(Taken *taken)
{
    Py_XDECREF(taken->name);
    Py_XDECREF(taken->trace_name);
    Py_XDECREF(taken->tags);
    Py_XDECREF(taken->usage);
}

/* Whether all that was taken was seen before. */
static int
is_known(Taken *taken, PyObject *names, PyObject *tags)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (taken->name == NULL || taken->trace_name == NULL || taken->tags == NULL || taken->usage == NULL ||
        PySet_Contains(names, taken->name) != 1 || PySet_Contains(names, taken->trace_name) != 1 ||
        (taken->tags != hot.nothing && PySet_Contains(tags, taken->tags) != 1))
        return 0;
    while (PyDict_Next(taken->usage, &at, &key, &value))
        if (PySet_Contains(names, key) != 1)
            return 0;
    return 1;
}

/* Whether a span has no more than is dealt with here. */
static int
is_plain(Span *span, Trace *trace, PyObject *output, PyObject *metadata)
{
    return (metadata == Py_None || PyDict_CheckExact(metadata)) && is_empty(span->events) &&
           is_text(span->model) && is_text(span->status_message) && is_text(trace->user) && is_text(trace->session) &&
           trace->state == Py_None && SLOT(span->recipe, Recipe, masking) == hot.NOTHING &&
           !hot_may_be_pieces(output);
}

/* Put together what is finished; NULL with an exception where that fails. */
static PyObject *
finish(Span *span, Trace *trace, Taken *taken, Part *given, Part *output, PyObject *metadata, PyObject *known,
       PyObject *mask, PyObject *service)
{
    PyTypeObject *type = (PyTypeObject *)hot.Observation;
    /* From the start: what is masked meanwhile runs Python, and whoever lists all objects would find it half made. */
    PyObject *found = hot_inert(type->tp_alloc(type, 26)), *field;
    int failed = found == NULL;
#define FIELD(at, value)                                                                                               \
    if (!failed) {                                                                                                     \
        field = (value);                                                                                               \
        if (field == NULL)                                                                                             \
            failed = 1;                                                                                                \
        else                                                                                                           \
            PyTuple_SET_ITEM(found, at, field);                                                                        \
    }
    FIELD(0, hex(trace->trace_id, 32))
    FIELD(1, hex(span->span_id, 16))
    FIELD(2, span->parent_id == Py_None ? Py_NewRef(Py_None) : hex(span->parent_id, 16))
    FIELD(3, Py_NewRef(taken->name))
    FIELD(4, Py_NewRef(span->type))
    FIELD(5, PyNumber_Add(span->start, trace->offset))
    FIELD(6, PyNumber_Add(span->stop == Py_None ? span->start : span->stop, trace->offset))
    FIELD(7, Py_NewRef(span->level))
    FIELD(8, hot_mask_field(hot.status_message, span->status_message, known, mask))
    FIELD(9, hot_json_of(given, known, mask))
    FIELD(10, hot_json_of(output, known, mask))
    FIELD(11, hot_mask_metadata(metadata, known, mask))
    FIELD(12, hot_mask_field(hot.model, span->model, known, mask))
    FIELD(13, Py_NewRef(taken->usage))
    FIELD(14, hot_mask_field(hot.user_id, trace->user, known, mask))
    FIELD(15, hot_mask_field(hot.session_id, trace->session, known, mask))
    FIELD(16, Py_NewRef(taken->tags))
    FIELD(17, Py_NewRef(taken->trace_name))
    FIELD(18, Py_NewRef(PyTuple_GET_ITEM(service, 0)))
    FIELD(19, Py_NewRef(PyTuple_GET_ITEM(service, 1)))
    FIELD(20, Py_NewRef(PyTuple_GET_ITEM(service, 2)))
    FIELD(21, Py_NewRef(span->weight))
    FIELD(22, Py_NewRef(span->app_root))
    FIELD(23, Py_NewRef(PyTuple_GET_ITEM(service, 3)))
    FIELD(24, Py_NewRef(Py_None))
    FIELD(25, Py_NewRef(Py_None))
#undef FIELD
    if (failed)
        Py_CLEAR(found);
    return found;
}

/* prepare(span, names, tags, known, mask, (environment, release, version, service)): an observation, None where that is
   not for here. `known` are the labels and texts of what masking leaves alone, what begins to mask texts one by one, and
   what masks most of them without that; None where nothing is known. `mask` masks what is not among it. */
PyObject *
hot_prepare(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 6 || !PyAnySet_Check(args[1]) || !PyAnySet_Check(args[2]) || !PyTuple_Check(args[5]) ||
        PyTuple_GET_SIZE(args[5]) != 4 ||
        !(args[3] == Py_None || (PyTuple_Check(args[3]) && PyTuple_GET_SIZE(args[3]) == 4))) {
        PyErr_SetString(PyExc_TypeError, "a span, names, tags, what is known, a mask and the service are needed");
        return NULL;
    }
    Span *span = (Span *)args[0];
    Trace *trace;
    if (Py_TYPE(span) != hot.type.Span || (trace = (Trace *)span->trace) == NULL || Py_TYPE(trace) != hot.type.Trace ||
        span->start == NULL || trace->offset == NULL || span->recipe == NULL ||
        Py_TYPE(span->recipe) != hot.type.Recipe)
        Py_RETURN_NONE;
    Taken taken;
    Part given = {NULL, NULL, 0}, output = {NULL, NULL, 0};
    take(&taken, span, trace);
    /* What was copied is held here: while the rest is masked others may read it, which puts what they read in its place. */
    PyObject *metadata = hot_readable(span->_metadata), *kept = Py_XNewRef(span->output), *found;
    if (kept == NULL || metadata == NULL || !is_plain(span, trace, kept, metadata) ||
        !is_known(&taken, args[1], args[2]) || hot_take_input(&given, span, args[3]) < 0 ||
        hot_take_output(&output, kept, args[3]) < 0) {
        int passes = PyErr_Occurred() != NULL && !PyErr_ExceptionMatches(PyExc_Exception);
        if (!passes)
            PyErr_Clear();
        found = passes ? NULL : Py_NewRef(Py_None);
    }
    else
        found = finish(span, trace, &taken, &given, &output, metadata, args[3], args[4], args[5]);
    hot_drop_part(&given);
    hot_drop_part(&output);
    Py_XDECREF(kept);
    Py_XDECREF(metadata);
    let_go(&taken);
    return found;
}
