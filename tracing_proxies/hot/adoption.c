/* Lets a call whose own rule says so take over the span that the framework's call around it has opened, as
   `Placement._adopt` and `Adoption` of recording/handles.py do, which have the calls that raise or are abandoned. */
#include "parts.h"

static PyObject *
make(Span *span, PyObject *recipe, PyObject *scope)
{
    PyObject *start = PyLong_FromLongLong(hot_now()), *made;
    if (start == NULL)
        return NULL;
    made = hot.type.Adoption->tp_alloc(hot.type.Adoption, 0);
    if (made == NULL) {
        Py_DECREF(start);
        return NULL;
    }
    SLOT(made, Adoption, span) = Py_NewRef((PyObject *)span);
    SLOT(made, Adoption, context) = Py_XNewRef(span->context);
    SLOT(made, Adoption, recipe) = Py_NewRef(recipe);
    SLOT(made, Adoption, scope) = Py_NewRef(scope);
    SLOT(made, Adoption, start) = start;
    return made;
}

/* Whether nothing of a span has been exchanged for what is not ours. */
static int
is_ours(Span *span)
{
    return Py_TYPE(span) == hot.type.Span && span->trace != NULL && Py_TYPE(span->trace) == hot.type.Trace;
}

static PyObject *
adopt(Call *call, Span *span)
{
    PyObject *recipe = call->recipe, *bound = hot_bind(call), *scope, *made = NULL;
    int holds = 1;
    scope = bound == NULL ? NULL : hot_scope_of(call, bound);
    if (scope == NULL)
        goto end;
    if (SLOT(recipe, Recipe, condition) != Py_None)
        holds = hot_holds(SLOT(recipe, Recipe, condition), scope);
    if (holds == 0)
        made = Py_NewRef(Py_None);
    if (holds <= 0)
        goto end;
    if (PyFloat_AS_DOUBLE(SLOT(recipe, Recipe, sample)) <= 0.0)
        hot_set(&span->dropped, hot.sampled);
    if (hot_begin_record(span, recipe, scope, bound) == 0) {
        hot_forget_call(recipe, scope);
        made = make(span, recipe, scope);
    }
end:
    Py_XDECREF(scope);
    Py_XDECREF(bound);
    return made;
}

/* Take over the span that waits for this call, None where its rule does not hold; NULL without an exception where that
   is not for here. */
PyObject *
hot_adopt(Call *call, Span *span)
{
    if (!is_ours(span) || !PyFloat_CheckExact(SLOT(call->recipe, Recipe, sample)))
        return NULL;
    long long before = hot_now();
    hot_set(&span->waiting_for, Py_None);
    PyObject *made = adopt(call, span);
    if (made != NULL && hot_complain(call->recorder, call->recipe, hot_now() - before) < 0)
        Py_CLEAR(made);
    return made;
}

/* Record what the call returned, as `Adoption.finish`: -1 with an exception that is to pass on. */
int
hot_finish_adoption(PyObject *adoption, PyObject *result)
{
    PyObject *recipe = SLOT(adoption, Adoption, recipe);
    Span *span = (Span *)SLOT(adoption, Adoption, span);
    int done = 0;
    if (!is_ours(span))
        return hot_told(PyObject_CallMethodOneArg(adoption, hot.finish, result));
    if (hot_end_record(span, recipe, SLOT(adoption, Adoption, scope), result) < 0)
        done = hot_contain("finish");
    if (done < 0)
        return -1;
    long long taken = hot_now() - PyLong_AsLongLong(SLOT(adoption, Adoption, start));
    hot_set(&span->settled, Py_True);
    return hot_count(SLOT(recipe, Recipe, tally), taken, hot_is_error(span)) < 0 ? hot_contain("finish") : 0;
}
