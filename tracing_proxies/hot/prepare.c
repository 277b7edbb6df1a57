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

/* Give arguments their names where some were passed by keyword, or left to their defaults, or are more than have one. */
static PyObject *
bind_arguments(Span *span)
{
    PyObject *recipe = span->recipe, *keywords, *bound, *copied;
    keywords = span->keywords == Py_None ? PyDict_New() : Py_NewRef(span->keywords);
    if (keywords == NULL)
        return NULL;
    bound = PyObject_CallFunctionObjArgs(SLOT(recipe, Recipe, bind), span->arguments, keywords, NULL);
    Py_DECREF(keywords);
    if (bound == NULL || IS_SET(recipe, Recipe, has_flat_defaults))
        return bound;
    copied = hot_snapshot(bound, SLOT(recipe, Recipe, limits));
    Py_DECREF(bound);
    return copied;
}

/* What stands as the input, as `Span.input`; NULL with an exception where that fails. */
PyObject *
hot_input_of(Span *span)
{
    PyObject *names, *named;
    if (span->arguments == Py_None)
        return hot_readable(span->_input);
    names = SLOT(span->recipe, Recipe, names);
    if (span->keywords != Py_None || names == Py_None || !PyTuple_CheckExact(span->arguments) ||
        PyTuple_GET_SIZE(names) != PyTuple_GET_SIZE(span->arguments))
        return bind_arguments(span);
    named = PyDict_New();
    for (Py_ssize_t at = 0; named != NULL && at < PyTuple_GET_SIZE(names); at++)
        if (PyDict_SetItem(named, PyTuple_GET_ITEM(names, at), PyTuple_GET_ITEM(span->arguments, at)) < 0)
            Py_CLEAR(named);
    return named;
}

/* Whether a result may be the pieces of a stream, which are masked together. */
static int
may_be_pieces(PyObject *value)
{
    if (!PyList_CheckExact(value) || PyList_GET_SIZE(value) < 2)
        return 0;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(value); at++)
        if (!PyUnicode_CheckExact(PyList_GET_ITEM(value, at)))
            return 0;
    return 1;
}

/* Mask a value, which stays itself where it is known to be left alone. */
static PyObject *
mask_value(PyObject *value, PyObject *known, PyObject *mask)
{
    Py_ssize_t left = known == Py_None ? -1 : hot_look_through(known, value);
    if (PyErr_Occurred())
        return NULL;
    return left >= 0 ? Py_NewRef(value) : PyObject_CallOneArg(mask, value);
}

/* Mask a value and write it as JSON. */
static PyObject *
write_json(PyObject *value, PyObject *known, PyObject *mask)
{
    PyObject *masked, *bytes, *text;
    if (value == Py_None)
        Py_RETURN_NONE;
    if ((masked = mask_value(value, known, mask)) == NULL)
        return NULL;
    bytes = PyObject_CallOneArg(hot.dumps, masked);
    if (bytes == NULL) { /* what JSON cannot hold */
        PyErr_Clear();
        text = PyObject_CallOneArg(hot.to_json, masked);
    }
    else {
        text = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), "strict");
        Py_DECREF(bytes);
    }
    Py_DECREF(masked);
    return text;
}

/* Mask one of a span's own texts as if it stood under its name, as `_field`. */
static PyObject *
mask_field(PyObject *name, PyObject *value, PyObject *known, PyObject *mask)
{
    PyObject *named, *masked, *found;
    if (value == Py_None)
        Py_RETURN_NONE;
    Py_INCREF(value); /* a dict that is made may run the collector, and with it whoever sets another text */
    named = PyDict_New();
    if (named != NULL && PyDict_SetItem(named, name, value) < 0)
        Py_CLEAR(named);
    Py_DECREF(value);
    if (named == NULL)
        return NULL;
    masked = mask_value(named, known, mask);
    Py_DECREF(named);
    if (masked == NULL || !PyDict_CheckExact(masked))
        found = Py_XNewRef(masked);
    else if ((found = Py_XNewRef(PyDict_GetItemWithError(masked, name))) == NULL && !PyErr_Occurred())
        found = Py_NewRef(Py_None);
    Py_XDECREF(masked);
    if (found != NULL && found != Py_None)
        Py_SETREF(found, PyObject_Str(found));
    return found;
}

/* Mask what is recorded besides. */
static PyObject *
mask_metadata(PyObject *metadata, PyObject *known, PyObject *mask)
{
    PyObject *masked, *found;
    if (metadata == Py_None || PyDict_GET_SIZE(metadata) == 0)
        return PyDict_New();
    masked = mask_value(metadata, known, mask);
    if (masked == NULL || PyDict_CheckExact(masked))
        return masked;
    found = Py_BuildValue("{sO}", "metadata", masked);
    Py_DECREF(masked);
    return found;
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
           !may_be_pieces(output);
}

/* Put together what is finished; NULL with an exception where that fails. */
static PyObject *
finish(Span *span, Trace *trace, Taken *taken, PyObject *given, PyObject *output, PyObject *metadata,
       PyObject *known, PyObject *mask, PyObject *service)
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
    FIELD(8, mask_field(hot.status_message, span->status_message, known, mask))
    FIELD(9, write_json(given, known, mask))
    FIELD(10, write_json(output, known, mask))
    FIELD(11, mask_metadata(metadata, known, mask))
    FIELD(12, mask_field(hot.model, span->model, known, mask))
    FIELD(13, Py_NewRef(taken->usage))
    FIELD(14, mask_field(hot.user_id, trace->user, known, mask))
    FIELD(15, mask_field(hot.session_id, trace->session, known, mask))
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
   not for here. `known` are the labels and texts of what masking leaves alone, None where nothing is known; `mask` masks
   what is not among it. */
PyObject *
hot_prepare(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 6 || !PyAnySet_Check(args[1]) || !PyAnySet_Check(args[2]) || !PyTuple_Check(args[5]) ||
        PyTuple_GET_SIZE(args[5]) != 4) {
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
    take(&taken, span, trace);
    PyObject *output = hot_readable(span->output), *metadata = hot_readable(span->_metadata), *given = NULL, *found;
    if (output != NULL && metadata != NULL && is_plain(span, trace, output, metadata) && is_known(&taken, args[1], args[2]))
        given = hot_input_of(span);
    if (given == NULL) {
        PyErr_Clear();
        found = Py_NewRef(Py_None);
    }
    else
        found = finish(span, trace, &taken, given, output, metadata, args[3], args[4], args[5]);
    Py_XDECREF(given);
    Py_XDECREF(output);
    Py_XDECREF(metadata);
    let_go(&taken);
    return found;
}
