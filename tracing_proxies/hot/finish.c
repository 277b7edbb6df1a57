/* Ends the span of a call that has returned, as `Recorder.finish` does, which has what is not of our own classes. */
#include "parts.h"

#define FULL 512 /* as recording/tally.py */

/* Count a call in its target's tally. */
int
hot_count(PyObject *tally, long long taken, int failed)
{
    int was_ours = hot_take_for_ours();
    PyObject *counted = PyLong_FromLongLong(failed ? ~taken : taken), *relieved;
    int done = counted == NULL ? -1 : PyList_Append(SLOT(tally, Tally, _pending), counted);
    hot_take_as_before(was_ours);
    Py_XDECREF(counted);
    if (done < 0 || PyList_GET_SIZE(SLOT(tally, Tally, _pending)) < FULL)
        return done;
    relieved = PyObject_CallMethodNoArgs(tally, hot.relieve);
    Py_XDECREF(relieved);
    return relieved == NULL ? -1 : 0;
}

/* Tell the recorder of a call that recording has held up for longer than it may. */
int
hot_complain(PyObject *recorder, PyObject *recipe, long long taken)
{
    if (taken <= PyLong_AsLongLong(SLOT(recorder, Recorder, patience)))
        return 0;
    PyObject *held_up = PyLong_FromLongLong(taken);
    if (held_up == NULL)
        return -1;
    PyObject *answer = PyObject_CallMethodObjArgs(recorder, hot.impatient, recipe, held_up, NULL);
    Py_DECREF(held_up);
    return hot_told(answer);
}

static int
record(Span *span, Trace *trace, PyObject *recorder, PyObject *recipe, PyObject *result, long long stop)
{
    PyObject *output;
    if (SLOT(recipe, Recipe, capture_output) != Py_True || result == Py_None || trace->payload != Py_True)
        return 0;
    output = hot_kept(result, SLOT(recipe, Recipe, limits));
    if (output == NULL)
        return -1;
    Py_SETREF(span->output, output);
    if (output == result)
        return 0;
    return hot_complain(recorder, recipe, hot_now() - stop);
}

/* Hand an ended span on. */
static int
emit(Span *span, Trace *trace, PyObject *recorder, int is_first)
{
    PyObject *held = trace->held;
    if (held == Py_None) {
        PyObject *take = Py_NewRef(SLOT(recorder, Recorder, emit));
        hot_settle(span);
        int done = Py_TYPE(take) == &InletType ? hot_let_in(take, (PyObject *)span)
                                               : hot_told(PyObject_CallOneArg(take, (PyObject *)span));
        Py_DECREF(take);
        return done;
    }
    if (Py_TYPE(held) != hot.type.Held)
        return hot_told(PyObject_CallMethodOneArg(held, hot.add, (PyObject *)span));
    if (SLOT(held, Held, verdict) == Py_None && !hot_is_error(span)) {
        PyObject *spans = Py_NewRef(SLOT(held, Held, spans));
        int done = hot_told(PyObject_CallMethodOneArg(spans, hot.append, (PyObject *)span));
        Py_DECREF(spans);
        if (done < 0)
            return -1;
    }
    else if (hot_told(PyObject_CallMethodOneArg(held, hot.add, (PyObject *)span)) < 0)
        return -1;
    if (!is_first)
        return 0;
    int is_decided = hot_end_held(span, trace, held);
    if (is_decided)
        return is_decided < 0 ? -1 : 0;
    return hot_told(PyObject_CallMethodOneArg(recorder, hot.decide, (PyObject *)span));
}

/* Let go of everything that only an open span needs, as `Span.release`; answers the span above, a new reference. */
static PyObject *
release(Span *span)
{
    PyObject *parent = Py_NewRef(span->parent);
    hot_set(&span->parent, Py_None);
    hot_set(&span->function, Py_None);
    hot_set(&span->scope, Py_None);
    hot_set(&span->waiting_for, Py_None);
    hot_set(&span->context, hot.RELEASED);
    return parent;
}

/* Show an ended span to whoever watches, as `show` of recording/routing.py. */
static int
show(Span *span, PyObject *recorder)
{
    PyObject *observers = PyList_AsTuple(SLOT(recorder, Recorder, observers));
    int done = observers == NULL ? hot_contain("observer") : 0;
    for (Py_ssize_t at = 0; done == 0 && observers != NULL && at < PyTuple_GET_SIZE(observers); at++)
        if (hot_told(PyObject_CallOneArg(PyTuple_GET_ITEM(observers, at), (PyObject *)span)) < 0)
            done = hot_contain("observer");
    Py_XDECREF(observers);
    return done;
}

/* Count a span that has ended, and hand it on, as `_close` does, which has those that may be too short to keep. */
static int
hand_on(Span *span, Trace *trace, PyObject *recorder, PyObject *recipe)
{
    if (PyDict_DelItem(SLOT(recorder, Recorder, open), span->span_id) < 0)
        PyErr_Clear(); /* the child of a fork: its parent's */
    if (PyList_GET_SIZE(SLOT(recorder, Recorder, observers)) && show(span, recorder) < 0)
        return -1;
    long long taken = span->stop == Py_None ? 0 : PyLong_AsLongLong(span->stop) - PyLong_AsLongLong(span->start);
    /* The error of a call that has taken the span over has been counted where it belongs. */
    if (hot_count(SLOT(recipe, Recipe, tally), taken, hot_is_error(span) && span->settled != Py_True) < 0 &&
        hot_contain("finish") < 0)
        return -1;
    PyObject *parent = release(span);
    int is_first = parent == Py_None, done = 0;
    if (!is_first && span->dropped == Py_None) {
        if (Py_TYPE(parent) == hot.type.Span)
            hot_set(&((Span *)parent)->kept_child, Py_True);
        else
            done = PyObject_SetAttr(parent, hot.kept_child, Py_True);
    }
    Py_DECREF(parent);
    if (is_first) {
        if (PyDict_GET_SIZE(SLOT(recorder, Recorder, traces)) || trace->crowd != Py_None)
            done = hot_told(PyObject_CallMethodOneArg(recorder, hot.end_trace, (PyObject *)span));
        else
            hot_set(&trace->ended, Py_True);
    }
    if (done < 0)
        return -1;
    return emit(span, trace, recorder, is_first) < 0 ? hot_contain("emit") : 0;
}

/* Write what a call returned onto a span whose rule reads more of it. */
static int
record_all(Span *span, PyObject *recorder, PyObject *recipe, PyObject *result, long long stop)
{
    PyObject *scope = Py_NewRef(span->scope);
    int done = span->settled == Py_True ? 0 : hot_end_record(span, recipe, scope, result);
    Py_DECREF(scope);
    return done < 0 ? -1 : hot_complain(recorder, recipe, hot_now() - stop);
}

static int
finish(Span *span, Trace *trace, PyObject *result)
{
    long long stop = hot_now();
    PyObject *recorder = span->recorder, *recipe = span->recipe, *ended = PyLong_FromLongLong(stop);
    if (ended == NULL)
        return hot_contain("finish");
    Py_SETREF(span->stop, ended);
    if (Py_TYPE(recorder) != hot.type.Recorder || Py_TYPE(recipe) != hot.type.Recipe ||
        Py_TYPE(trace) != hot.type.Trace || (span->scope != Py_None && Py_TYPE(span->scope) != hot.type.CallScope))
        return hot_told(PyObject_CallMethodObjArgs(recorder, hot.finish, (PyObject *)span, result, NULL));
    Py_INCREF(recorder); /* an ended span lets go of it */
    Py_INCREF(recipe);
    int done = IS_SET(recipe, Recipe, is_plain) ? record(span, trace, recorder, recipe, result, stop)
                                                : record_all(span, recorder, recipe, result, stop);
    if (done < 0)
        done = hot_contain("finish");
    if (done == 0) {
        if (SLOT(recipe, Recipe, min_duration) == hot.zero)
            done = hand_on(span, trace, recorder, recipe);
        else
            done = hot_told(PyObject_CallMethodOneArg(recorder, hot.close, (PyObject *)span));
    }
    Py_DECREF(recipe);
    Py_DECREF(recorder);
    return done;
}

/* Add what recording has taken since a moment to what it has taken of a trace. */
int
hot_spend(Trace *trace, long long before)
{
    PyObject *spent = PyLong_FromLongLong(PyLong_AsLongLong(trace->spent) + hot_cpu_now() - before);
    if (spent == NULL)
        return -1;
    Py_SETREF(trace->spent, spent);
    return 0;
}

/* End a span with what its call returned. The span is one of ours that has not ended; -1 with an exception that is to
   pass on. */
int
hot_finish(Span *span, PyObject *result)
{
    PyObject *trace = Py_NewRef(span->trace);
    int done, is_timed = Py_TYPE(trace) == hot.type.Trace && ((Trace *)trace)->timed == Py_True;
    long long before = is_timed ? hot_cpu_now() : 0;
    done = finish(span, (Trace *)trace, result);
    if (is_timed && done == 0 && hot_spend((Trace *)trace, before) < 0)
        done = hot_contain("finish");
    Py_DECREF(trace);
    return done;
}

/* As `Span.finish`: a second end changes nothing. */
PyObject *
hot_finish_span(Span *span, PyObject *result)
{
    PyObject *stop;
    if (span->stop != Py_None)
        Py_RETURN_NONE;
    if (Py_TYPE(span) == hot.type.Span && hot.type.Recorder != NULL && span->recipe != NULL && span->trace != NULL &&
        span->recorder != NULL && span->start != NULL && PyLong_CheckExact(span->start)) {
        if (hot_finish(span, result) < 0)
            return NULL;
        Py_RETURN_NONE;
    }
    stop = PyLong_FromLongLong(hot_now());
    if (stop == NULL)
        return NULL;
    Py_SETREF(span->stop, stop);
    if (span->recorder == NULL) {
        PyErr_SetString(PyExc_AttributeError, "recorder");
        return NULL;
    }
    return PyObject_CallMethodObjArgs(span->recorder, hot.finish, (PyObject *)span, result, NULL);
}
