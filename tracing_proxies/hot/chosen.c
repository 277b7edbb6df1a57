/* Begins the first call of a trace that the sampler's plan records, and holds its spans back until it has ended, as
   `Tail.begin` of recording/tail.py does, which has all that is out of the ordinary: what is rare, thinned out, critical, or
   decided elsewhere. */
#include "parts.h"

#define TIMED 0xF /* as recording/tail.py */

/* A number that a part of the controller's tells; -1.0 with an exception. */
static double
number_of(PyObject *object, PyObject *name)
{
    PyObject *found = object == NULL ? NULL : PyObject_GetAttr(object, name);
    double number = found == NULL ? -1.0 : PyFloat_AsDouble(found);
    Py_XDECREF(found);
    return number;
}

/* Whether one more trace may be under way beside those that are: 1, 0, or -1 with an exception. */
static int
has_room(PyObject *tail)
{
    PyObject *commitment = PyObject_GetAttr(SLOT(tail, Tail, controller), hot.commitment);
    double most = number_of(commitment, hot.most);
    Py_XDECREF(commitment);
    return PyErr_Occurred() ? -1 : (double)PyDict_GET_SIZE(SLOT(tail, Tail, undecided)) < most;
}

/* Whether it is to be measured what recording a trace takes: 1, 0, or -1 with an exception. */
static int
is_to_be_timed(PyObject *tail, PyObject *trace_id)
{
    PyObject *learning, *unsure;
    if (!(hot_low_bits(trace_id) >> 56 & TIMED))
        return 1;
    learning = PyObject_GetAttr(SLOT(tail, Tail, controller), hot.learning);
    unsure = learning == NULL ? NULL : PyObject_GetAttr(learning, hot.unsure);
    Py_XDECREF(learning);
    Py_XDECREF(unsure); /* one of the interpreter's two */
    return unsure == NULL ? -1 : unsure == Py_True;
}

/* Make what holds the spans of a trace, as `Held`, whose fields these are. */
static PyObject *
make_held(PyObject *tail, Trace *trace, PyObject *recorded, unsigned long long random, long long now)
{
    PyObject *held = hot.type.Held->tp_alloc(hot.type.Held, 0);
    if (held == NULL)
        return NULL;
    SLOT(held, Held, trace) = Py_NewRef((PyObject *)trace);
    SLOT(held, Held, recorded) = Py_NewRef(recorded);
    SLOT(held, Held, tail) = Py_NewRef(tail);
    SLOT(held, Held, critical) = Py_NewRef(Py_False);
    SLOT(held, Held, rare) = Py_NewRef(Py_False);
    SLOT(held, Held, partial) = Py_NewRef(Py_False);
    SLOT(held, Held, fixed) = Py_NewRef(Py_False);
    SLOT(held, Held, error) = Py_NewRef(Py_None);
    SLOT(held, Held, verdict) = Py_NewRef(Py_None);
    SLOT(held, Held, root_id) = Py_NewRef(hot.zero);
    SLOT(held, Held, least) = Py_NewRef(hot.zero);
    SLOT(held, Held, weighed) = Py_NewRef(hot.unweighed);
    if (hot_put(&SLOT(held, Held, random), PyLong_FromUnsignedLongLong(random)) < 0 ||
        hot_put(&SLOT(held, Held, begun), PyLong_FromLongLong(now)) < 0 ||
        hot_put(&SLOT(held, Held, spans), PyObject_CallNoArgs(hot.deque)) < 0)
        Py_CLEAR(held);
    return held;
}

/* Have the trace's spans held back from now on. */
static PyObject *
hold(PyObject *tail, Trace *trace, unsigned long long random, long long now)
{
    PyObject *recorded = PyObject_GetAttr(SLOT(tail, Tail, _plan), hot.record);
    PyObject *held = recorded == NULL ? NULL : make_held(tail, trace, recorded, random, now), *key = NULL;
    Py_XDECREF(recorded);
    if (held == NULL || (key = PyLong_FromVoidPtr(held)) == NULL ||
        PyDict_SetItem(SLOT(tail, Tail, undecided), key, held) < 0)
        Py_CLEAR(held);
    else {
        hot_set(&trace->held, held);
        if (!PyObject_GC_IsTracked((PyObject *)trace))
            PyObject_GC_Track(trace);
    }
    Py_XDECREF(key);
    return held;
}

/* Count a trace no more among those that are undecided, beside the exception if there is one. In the child of a fork it may
   have been forgotten before. */
void
hot_take_out(PyObject *tail, PyObject *held)
{
    PyObject *type, *value, *traceback, *key;
    PyErr_Fetch(&type, &value, &traceback);
    key = PyLong_FromVoidPtr(held);
    if (key == NULL || PyDict_DelItem(SLOT(tail, Tail, undecided), key) < 0)
        PyErr_Clear();
    Py_XDECREF(key);
    PyErr_Restore(type, value, traceback);
}

/* Begin the first call of a trace that is recorded; NULL without an exception where that is not for here. */
static PyObject *
begin_chosen(Call *call, PyObject *tail, PyObject *trace_id, long long now)
{
    PyObject *recipe = call->recipe, *held = NULL, *made = NULL;
    unsigned long long random = hot_random_of(trace_id);
    int is_timed;
    Trace *trace = NULL;
    if (call->above != NULL || PyFloat_AS_DOUBLE(SLOT(recipe, Recipe, sample)) < 1.0 || has_room(tail) <= 0 ||
        (is_timed = is_to_be_timed(tail, trace_id)) < 0 ||
        hot_note_begun(tail, SLOT(recipe, Recipe, tally), now) < 0 || (trace = hot_new_trace()) == NULL)
        return NULL;
    hot_set(&trace->trace_id, trace_id);
    if (is_timed)
        hot_set(&trace->timed, Py_True);
    if (random < hot_low_bits(SLOT(tail, Tail, _least_capture)))
        hot_set(&trace->payload, Py_False);
    if ((held = hold(tail, trace, random, now)) == NULL)
        goto end;
    made = hot_begin_first(call, trace);
    if (made == NULL || Py_TYPE(made) != hot.type.Span)
        hot_take_out(tail, held);
    else {
        hot_set(&SLOT(held, Held, root_id), ((Span *)made)->span_id);
        if (is_timed && hot_put(&trace->spent, PyLong_FromLongLong(hot_now() - now)) < 0)
            Py_CLEAR(made);
    }
end:
    Py_XDECREF(held);
    Py_DECREF(trace);
    return made;
}

/* Begin the first call of a trace, where it is the plan's alone to say whether it is recorded; NULL without an exception
   where it takes more to decide, with the trace's id if that has been drawn. */
PyObject *
hot_begin_by_plan(Call *call, PyObject **trace_id)
{
    PyObject *tail = SLOT(call->recorder, Recorder, tail), *made;
    long long now = hot_now();
    if (!hot_is_by_plan(call, tail, now) || (*trace_id == NULL && (*trace_id = hot_random_bits(128)) == NULL))
        return NULL;
    Py_INCREF(tail);
    if (hot_random_of(*trace_id) < hot_low_bits(SLOT(tail, Tail, _least)))
        made = hot_leave_out(call, tail, *trace_id, now);
    else
        made = begin_chosen(call, tail, *trace_id, now);
    Py_DECREF(tail);
    return made;
}
