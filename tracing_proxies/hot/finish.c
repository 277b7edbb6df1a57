/* Ends the span of a call that needed nothing but its name, times, arguments and result, as `Recorder.finish` does,
   which has the rest. */
#include "parts.h"

#define FULL 512 /* as recording/tally.py */

/* Count a call in its target's tally. */
int
hot_count(PyObject *tally, long long taken, int failed)
{
    PyObject *counted = PyLong_FromLongLong(failed ? ~taken : taken), *relieved;
    if (counted == NULL)
        return -1;
    int done = PyList_Append(SLOT(tally, Tally, _pending), counted);
    Py_DECREF(counted);
    if (done < 0 || PyList_GET_SIZE(SLOT(tally, Tally, _pending)) < FULL)
        return done;
    relieved = PyObject_CallMethodNoArgs(tally, hot.relieve);
    Py_XDECREF(relieved);
    return relieved == NULL ? -1 : 0;
}

static int
told(PyObject *answer)
{
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
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
    return told(answer);
}

static int
is_error(Span *span)
{
    PyObject *level = span->level;
    return level != hot.default_level && PyUnicode_CheckExact(level) &&
           PyUnicode_Compare(level, hot.error_level) == 0;
}

static int
record(Span *span, Trace *trace, PyObject *result, long long stop)
{
    PyObject *recipe = span->recipe, *output;
    if (SLOT(recipe, Recipe, capture_output) != Py_True || result == Py_None || trace->payload != Py_True)
        return 0;
    output = hot_snapshot(result, SLOT(recipe, Recipe, limits));
    if (output == NULL)
        return -1;
    Py_SETREF(span->output, output);
    if (output == result)
        return 0;
    return hot_complain(span->recorder, recipe, hot_now() - stop);
}

/* Hand an ended span on. */
static int
emit(Span *span, Trace *trace, int is_first)
{
    PyObject *held = trace->held;
    if (held == Py_None) {
        PyObject *take = Py_NewRef(SLOT(span->recorder, Recorder, emit));
        hot_settle(span);
        int done = told(PyObject_CallOneArg(take, (PyObject *)span));
        Py_DECREF(take);
        return done;
    }
    if (Py_TYPE(held) != hot.type.Held)
        return told(PyObject_CallMethodOneArg(held, hot.add, (PyObject *)span));
    if (SLOT(held, Held, verdict) == Py_None && !is_error(span)) {
        PyObject *spans = Py_NewRef(SLOT(held, Held, spans));
        int done = told(PyObject_CallMethodOneArg(spans, hot.append, (PyObject *)span));
        Py_DECREF(spans);
        if (done < 0)
            return -1;
    }
    else if (told(PyObject_CallMethodOneArg(held, hot.add, (PyObject *)span)) < 0)
        return -1;
    return is_first ? told(PyObject_CallMethodOneArg(span->recorder, hot.decide, (PyObject *)span)) : 0;
}

static int
finish(Span *span, Trace *trace, PyObject *result)
{
    long long stop = hot_now();
    PyObject *recorder = span->recorder, *recipe = span->recipe, *ended = PyLong_FromLongLong(stop);
    if (ended == NULL)
        return hot_contain("finish");
    Py_SETREF(span->stop, ended);
    if (!IS_SET(recipe, Recipe, is_plain) || Py_TYPE(recorder) != hot.type.Recorder)
        return told(PyObject_CallMethodObjArgs(recorder, hot.finish, (PyObject *)span, result, NULL));
    if (record(span, trace, result, stop) < 0 && hot_contain("finish") < 0)
        return -1;
    if (PyList_GET_SIZE(SLOT(recorder, Recorder, observers)) || span->dropped != Py_None)
        return told(PyObject_CallMethodOneArg(recorder, hot.close, (PyObject *)span));
    if (PyDict_DelItem(SLOT(recorder, Recorder, open), span->span_id) < 0)
        PyErr_Clear(); /* the child of a fork: its parent's */
    long long taken = stop - PyLong_AsLongLong(span->start);
    if (hot_count(SLOT(recipe, Recipe, tally), taken, is_error(span)) < 0 && hot_contain("finish") < 0)
        return -1;
    PyObject *parent = Py_NewRef(span->parent);
    hot_set(&span->parent, Py_None); /* as `release`: a plain span has no more to let go of */
    hot_set(&span->function, Py_None);
    hot_set(&span->context, hot.RELEASED);
    int is_first = parent == Py_None;
    if (!is_first)
        hot_set(&((Span *)parent)->kept_child, Py_True);
    Py_DECREF(parent);
    if (is_first) {
        if (PyDict_GET_SIZE(SLOT(recorder, Recorder, traces)) || trace->crowd != Py_None) {
            if (told(PyObject_CallMethodOneArg(recorder, hot.end_trace, (PyObject *)span)) < 0)
                return -1;
        }
        else
            hot_set(&trace->ended, Py_True);
    }
    return emit(span, trace, is_first) < 0 ? hot_contain("emit") : 0;
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
    Trace *trace = (Trace *)span->trace;
    if (trace->timed == Py_False || !IS_SET(span->recipe, Recipe, is_plain))
        return finish(span, trace, result); /* what is not plain is measured there */
    Py_INCREF(trace);
    long long before = hot_cpu_now();
    int done = finish(span, trace, result);
    if (done == 0 && hot_spend(trace, before) < 0)
        done = hot_contain("finish");
    Py_DECREF(trace);
    return done;
}
