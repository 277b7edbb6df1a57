/* Starts the span of a call that needs nothing but its name, times, arguments and result, below another span or where
   everything is kept, as `Recorder.begin` does, which has the rest. */
#include "parts.h"

PyObject *
hot_instance(Call *call)
{
    return call->bound && call->nargs ? PyTuple_GET_ITEM(call->args, 0) : Py_None;
}

PyObject *
hot_rest(Call *call)
{
    return call->bound && call->nargs ? PyTuple_GetSlice(call->args, 1, call->nargs) : Py_NewRef(call->args);
}

PyObject *
hot_keywords(Call *call)
{
    return call->kwargs != NULL ? Py_NewRef(call->kwargs) : PyDict_New();
}

/* Whether a call joins the span above instead of making its own (nested: merge). */
static int
is_joined(Span *parent, Call *call)
{
    PyObject *instance = hot_instance(call);
    if (instance == Py_None || parent->function == SLOT(call->point, JoinPoint, function) ||
        PyLong_AsVoidPtr(parent->instance_id) != (void *)instance)
        return 0;
    return hot_is_text(SLOT(parent->recipe, Recipe, function), SLOT(call->recipe, Recipe, function));
}

/* Give a new reference away. */
static int
put(PyObject **field, PyObject *value)
{
    if (value == NULL)
        return -1;
    Py_XSETREF(*field, value);
    return 0;
}

/* Copy what was passed onto a span. `held_up` is when that began, where it takes longer than a look. */
static int
capture(Span *span, Call *call, long long *held_up)
{
    PyObject *limits = SLOT(call->recipe, Recipe, limits), *rest = hot_rest(call), *copied = NULL;
    int named = call->kwargs != NULL && PyDict_GET_SIZE(call->kwargs) > 0, done = -1;
    if (rest == NULL)
        return -1;
    copied = hot_flat_copy(rest, limits);
    if (copied == NULL)
        goto end;
    if (copied != Py_None && (!named || hot_is_flat(call->kwargs, limits))) {
        hot_set(&span->arguments, hot_inert(copied));
        done = named ? put(&span->keywords, hot_inert(PyDict_Copy(call->kwargs))) : 0;
        goto end;
    }
    *held_up = hot_now();
    PyObject *keywords = hot_keywords(call);
    if (keywords == NULL)
        goto end;
    PyObject *bound = PyObject_CallFunctionObjArgs(SLOT(call->recipe, Recipe, bind), rest, keywords, NULL);
    Py_DECREF(keywords);
    if (bound == NULL)
        goto end;
    done = put(&span->_input, hot_snapshot(bound, limits));
    Py_DECREF(bound);
end:
    Py_XDECREF(copied);
    Py_DECREF(rest);
    return done;
}

/* Make the trace of a first call, or find its parent's; NULL without an exception where that is not for here. */
static Trace *
place(Call *call, Span *parent, PyObject *name)
{
    Trace *trace;
    if (parent == NULL) {
        trace = hot_new_trace();
        if (trace == NULL || put(&trace->trace_id, hot_random_bits(128)) < 0) {
            Py_XDECREF(trace);
            return NULL;
        }
        hot_set(&trace->name, name);
        hot_set(&trace->room, SLOT(call->recipe, Recipe, room));
        return trace;
    }
    trace = (Trace *)parent->trace;
    if (Py_TYPE(trace) != hot.type.Trace)
        return NULL;
    if (trace->room != Py_None) {
        Py_ssize_t room = PyLong_AsSsize_t(trace->room);
        if (room <= 0 || put(&trace->room, PyLong_FromSsize_t(room - 1)) < 0)
            return NULL;
    }
    return (Trace *)Py_NewRef(trace);
}

static PyObject *
make(Call *call, Span *parent)
{
    PyObject *recipe = call->recipe, *name = SLOT(recipe, Recipe, constant_name), *offset = NULL, *own = NULL;
    long long start, held_up = 0;
    if (name == Py_None)
        name = hot.empty;
    Trace *trace = place(call, parent, name);
    if (trace == NULL)
        return NULL;
    Span *span = hot_new_span();
    if (span == NULL)
        goto fail;
    span->recorder = Py_NewRef(call->recorder);
    span->recipe = Py_NewRef(recipe);
    span->trace = Py_NewRef(trace);
    hot_set(&span->function, SLOT(call->point, JoinPoint, function));
    hot_set(&span->name, name);
    hot_set(&span->type, SLOT(recipe, Recipe, observation));
    if (put(&span->span_id, hot_random_bits(64)) < 0 ||
        put(&span->instance_id, PyLong_FromVoidPtr(hot_instance(call))) < 0)
        goto fail;
    if (parent != NULL) {
        hot_set(&span->parent, (PyObject *)parent);
        hot_set(&span->app_root, Py_False);
        hot_set(&span->parent_id, parent->span_id);
        hot_set(&span->weight, trace->weight);
        hot_set(&span->foreign, parent->foreign);
    }
    if (PyUnicode_GET_LENGTH(SLOT(recipe, Recipe, library))) {
        hot_set(&span->library, SLOT(recipe, Recipe, library));
        own = hot.OWN_KEY;
    }
    if (put(&span->context, hot_with(call->context, hot.SPAN_KEY, (PyObject *)span, own, (PyObject *)span)) < 0)
        goto fail;
    if (SLOT(recipe, Recipe, capture_input) == Py_True && trace->payload == Py_True &&
        capture(span, call, &held_up) < 0)
        goto fail;
    if (PyDict_SetItem(SLOT(call->recorder, Recorder, open), span->span_id, (PyObject *)span) < 0)
        goto fail;
    start = hot_now();
    if (put(&span->start, PyLong_FromLongLong(start)) < 0)
        goto fail;
    if (held_up && hot_complain(call->recorder, recipe, start - held_up) < 0)
        goto fail;
    if (parent == NULL) {
        offset = PyObject_CallNoArgs(hot.wall_clock);
        if (offset == NULL || put(&trace->offset, PyNumber_Subtract(offset, span->start)) < 0)
            goto fail;
        Py_DECREF(offset);
    }
    Py_DECREF(trace);
    return (PyObject *)span;
fail:
    Py_XDECREF(offset);
    Py_DECREF(trace);
    Py_XDECREF(span);
    return NULL;
}

/* Start a span here; NULL without an exception where that is not for here. */
static PyObject *
begin_here(Call *call)
{
    PyObject *recipe = call->recipe;
    if (call->above != NULL && (PyObject *)Py_TYPE(call->above) == hot.Unrecorded)
        return hot_begin_unrecorded(call);
    if (!IS_SET(recipe, Recipe, is_plain))
        return NULL;
    if (call->above == NULL)
        return SLOT(call->recorder, Recorder, tail) == Py_None ? make(call, NULL) : NULL;
    Span *parent = (Span *)call->above;
    if (Py_TYPE(parent) != hot.type.Span || parent->waiting_for != Py_None || parent->trace == NULL)
        return NULL;
    if (!hot_is_text(SLOT(recipe, Recipe, nested), hot.child)) {
        if (!hot_is_text(SLOT(recipe, Recipe, nested), hot.merge))
            return NULL;
        if (is_joined(parent, call))
            Py_RETURN_NONE;
    }
    return make(call, parent);
}

/* The trace of a span, if it is measured what recording it takes: borrowed. */
static Trace *
timed_trace(PyObject *above)
{
    if (above == NULL || Py_TYPE(above) != hot.type.Span || ((Span *)above)->trace == NULL)
        return NULL;
    Trace *trace = (Trace *)((Span *)above)->trace;
    return Py_TYPE(trace) == hot.type.Trace && trace->timed == Py_True ? trace : NULL;
}

/* Start the span of a call, or what only counts it.

   trace_id: of the trace that begins, where it has been drawn already; else NULL.
   Returns what the call's end is to be told, None for a call that passes through untraced, NULL with an exception. */
PyObject *
hot_begin(Call *call, PyObject *trace_id)
{
    Trace *timed = timed_trace(call->above);
    long long before = timed == NULL ? 0 : hot_cpu_now();
    PyObject *begun = begin_here(call), *rest, *keywords;
    if (begun != NULL) {
        if (timed != NULL && hot_spend(timed, before) < 0 && hot_contain("begin") < 0)
            Py_CLEAR(begun);
        return begun;
    }
    if (PyErr_Occurred())
        return hot_contain("begin") < 0 ? NULL : Py_NewRef(Py_None);
    rest = hot_rest(call);
    keywords = hot_keywords(call);
    if (rest != NULL && keywords != NULL)
        begun = PyObject_CallFunctionObjArgs(
            SLOT(call->point, JoinPoint, begin), call->recipe, SLOT(call->point, JoinPoint, function),
            hot_instance(call), rest, keywords, call->context, call->above == NULL ? Py_None : call->above,
            trace_id == NULL ? hot.zero : trace_id, NULL);
    Py_XDECREF(rest);
    Py_XDECREF(keywords);
    return begun;
}
