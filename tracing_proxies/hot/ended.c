/* Decides on a recorded trace whose first span has ended, and hands its spans on, as `Tail.end` of recording/tail.py does,
   which has those that hot/judged.c leaves to it. */
#include "parts.h"

#define MOST_ENDED 2000 /* as recording/tail.py */

/* Hand on what is held of a trace that is kept whole and stands for itself; each span once, in however many threads. */
static int
hand_on(PyObject *tail, PyObject *held)
{
    PyObject *waiting = Py_NewRef(SLOT(held, Held, spans)), *emit = Py_NewRef(SLOT(tail, Tail, emit)), *span;
    int done = 0;
    hot_take_out(tail, held);
    hot_set(&SLOT(held, Held, verdict), hot.KEPT);
    while (done == 0 && (span = PyObject_CallMethodNoArgs(waiting, hot.popleft)) != NULL) {
        done = hot_told(PyObject_CallOneArg(emit, span));
        Py_DECREF(span);
    }
    if (done == 0 && PyErr_ExceptionMatches(PyExc_IndexError))
        PyErr_Clear();
    else
        done = -1;
    Py_DECREF(emit);
    Py_DECREF(waiting);
    return done;
}

/* Put a verdict into effect, as `Tail.conclude` does. */
static int
conclude(PyObject *tail, PyObject *held, PyObject *verdict)
{
    if (verdict == hot.KEPT)
        return hand_on(tail, held);
    return hot_told(PyObject_CallMethodObjArgs(tail, hot.conclude, held, verdict, NULL));
}

/* Let go of a trace that is not remembered any more. */
static void
forget(PyObject *held)
{
    if (Py_TYPE(held) == hot.type.Held)
        hot_set(&SLOT(held, Held, trace), hot.FORGOTTEN);
}

/* Keep the verdict on a trace for spans that come late, as `Tail._remember`. */
static int
remember(PyObject *tail, PyObject *trace_id, PyObject *held)
{
    PyObject *ended = Py_NewRef(SLOT(tail, Tail, _ended));
    int done = PyObject_SetItem(ended, trace_id, held);
    if (done == 0 && PyObject_Size(ended) > MOST_ENDED) {
        PyObject *oldest = PyObject_CallMethodOneArg(ended, hot.popitem, Py_False);
        if (oldest != NULL)
            forget(PyTuple_GET_ITEM(oldest, 1));
        else if (PyErr_ExceptionMatches(PyExc_KeyError))
            PyErr_Clear(); /* other threads have made room */
        else
            done = -1;
        Py_XDECREF(oldest);
    }
    Py_DECREF(ended);
    return done;
}

/* As `Controller.recorded`. */
static int
report(PyObject *controller, Trace *trace, double spans)
{
    PyObject *costs = PyObject_GetAttr(controller, hot.costs), *now = NULL;
    PyObject *spent = costs == NULL ? NULL : PyObject_GetAttr(controller, hot.caller);
    int done = spent == NULL ? -1 : 0;
    if (spent != NULL && Py_TYPE(costs) == hot.type.Costs) {
        double each = hot_number(SLOT(costs, Costs, skeleton));
        if (trace->payload == Py_True)
            each += hot_number(SLOT(costs, Costs, payload));
        now = PyFloat_FromDouble(hot_number(spent) + spans * each);
        done = now == NULL ? -1 : PyObject_SetAttr(controller, hot.caller, now);
    }
    Py_XDECREF(now);
    Py_XDECREF(spent);
    Py_XDECREF(costs);
    return done;
}

/* As `Tail._note_ended`, which has the traces that were measured. */
static int
note_ended(PyObject *tail, PyObject *held, Trace *trace, Py_ssize_t spans, long long deciding)
{
    if (trace->timed != Py_False || trace->spent != hot.zero) {
        PyObject *number = PyLong_FromSsize_t(spans), *taken = PyLong_FromLongLong(deciding), *told = NULL;
        if (number != NULL && taken != NULL)
            told = PyObject_CallMethodObjArgs(tail, hot.note_ended, held, number, taken, NULL);
        Py_XDECREF(number);
        Py_XDECREF(taken);
        return hot_told(told);
    }
    hot_set(&SLOT(held, Held, spans), Py_None);
    return remember(tail, trace->trace_id, held) < 0 ? -1 : report(SLOT(tail, Tail, controller), trace, (double)spans);
}

/* Decide on a trace whose first span has ended and been held, as `Tail.end`: 1, 0 where that is not for here, or -1. */
int
hot_end_held(Span *root, Trace *trace, PyObject *held)
{
    PyObject *tail = SLOT(held, Held, tail), *verdict;
    int done = 0, is_first = PyObject_RichCompareBool(SLOT(held, Held, root_id), root->span_id, Py_EQ);
    long long before = trace->timed == Py_True ? hot_now() : 0;
    if (is_first <= 0 || hot.type.Key == NULL || Py_TYPE(tail) != hot.type.Tail || SLOT(tail, Tail, _clock) != hot.clock ||
        SLOT(held, Held, verdict) != Py_None || SLOT(held, Held, spans) == Py_None || root->stop == Py_None)
        return is_first < 0 ? -1 : 0;
    Py_INCREF(tail);
    verdict = hot_judge_ended(tail, held, root, (double)(PyLong_AsLongLong(root->stop) - PyLong_AsLongLong(root->start)));
    if (verdict == NULL)
        done = -1;
    else if (verdict != Py_None) {
        Py_ssize_t spans = PyObject_Size(SLOT(held, Held, spans));
        done = spans < 0 || conclude(tail, held, verdict) < 0 ||
                note_ended(tail, held, trace, spans, before ? hot_now() - before : 0) < 0
            ? -1
            : 1;
    }
    Py_XDECREF(verdict);
    Py_DECREF(tail);
    return done;
}
