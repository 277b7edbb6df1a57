/* Begins and ends what only counts a call below one that is not recorded either, or the first of its trace where that is
   left out at once, as recording/unrecorded.py, recording/placement.py and recording/tail.py do, which have the rest. */
#include "parts.h"

#define MOST_ANCESTORS 256 /* as recording/nesting.py */
#define EVERY 200000000LL  /* as recording/tail.py */

static inline int
is_one(PyObject *object)
{
    return (PyObject *)Py_TYPE(object) == hot.Unrecorded;
}

/* Whether a call joins an open one above instead of being counted, as `joins`: 1, 0, or -1 where that is not for here. */
static int
is_joined(Call *call)
{
    PyObject *nested = SLOT(call->recipe, Recipe, nested), *function = SLOT(call->point, JoinPoint, function);
    PyObject *instance = hot_instance(call), *above = call->above;
    if (hot_is_text(nested, hot.child))
        return 0;
    if (hot_is_text(nested, hot.merge)) {
        Unrecorded *parent = (Unrecorded *)above;
        if (parent->function == function || instance == Py_None ||
            PyLong_AsVoidPtr(parent->instance_id) != (void *)instance)
            return 0;
        if (parent->recipe == NULL || Py_TYPE(parent->recipe) != hot.type.Recipe)
            return -1;
        return hot_is_text(SLOT(parent->recipe, Recipe, function), SLOT(call->recipe, Recipe, function));
    }
    for (int left = MOST_ANCESTORS; left > 0 && above != Py_None; left--) {
        if (!is_one(above))
            return -1;
        Unrecorded *ancestor = (Unrecorded *)above;
        if (ancestor->function == function && PyLong_AsVoidPtr(ancestor->instance_id) == (void *)instance)
            return 1;
        above = ancestor->parent;
    }
    return 0;
}

/* The first call of the trace that is current, as `root_of`. */
static PyObject *
root_of(Unrecorded *above, PyObject *context)
{
    PyObject *note, *found = NULL;
    if (above->shared != Py_True || above->tail == Py_None) {
        if (above->root == NULL)
            PyErr_SetString(PyExc_AttributeError, "root");
        return Py_XNewRef(above->root);
    }
    note = PyDict_GetItemWithError(context, hot.ROOT_KEY);
    if (Py_TYPE(above->tail) == hot.type.Tail && note != NULL && PyTuple_CheckExact(note) && PyTuple_GET_SIZE(note) == 2)
        found = Py_XNewRef(PyDict_GetItemWithError(SLOT(above->tail, Tail, roots), PyTuple_GET_ITEM(note, 0)));
    if (found == NULL && !PyErr_Occurred())
        found = PyObject_CallFunctionObjArgs(hot.root_of, (PyObject *)above, context, NULL);
    return found;
}

/* As `needs_no_context`. */
static int
needs_no_context(PyObject *recipe)
{
    PyObject *nested = SLOT(recipe, Recipe, nested), *tally = SLOT(recipe, Recipe, tally);
    return IS_SET(recipe, Recipe, counts_alone) && (hot_is_text(nested, hot.child) || hot_is_text(nested, hot.merge)) &&
           Py_TYPE(tally) == hot.type.Tally && SLOT(tally, Tally, has_namesakes) == Py_False;
}

/* Begin to count a call; takes its root, NULL without an exception for the first of its trace. */
static PyObject *
make(Call *call, PyObject *above, PyObject *root)
{
    PyTypeObject *type = (PyTypeObject *)hot.Unrecorded;
    Unrecorded *made = PyErr_Occurred() ? NULL : (Unrecorded *)type->tp_new(type, hot.nothing, NULL);
    if (made == NULL) {
        Py_XDECREF(root);
        return NULL;
    }
    made->root = root == NULL ? Py_NewRef((PyObject *)made) : root;
    hot_set(&made->recipe, call->recipe);
    hot_set(&made->function, SLOT(call->point, JoinPoint, function));
    hot_set(&made->parent, above == NULL ? Py_None : above);
    if (call->above != NULL && is_one(call->above))
        hot_set(&made->foreign, ((Unrecorded *)call->above)->foreign);
    if (IS_SET(call->recipe, Recipe, needs_scope)) {
        hot_set(&made->instance, hot_instance(call));
        if (hot_put(&made->args, hot_rest(call)) < 0 ||
            (call->kwargs != NULL && hot_put(&made->kwargs, Py_NewRef(call->kwargs)) < 0))
            goto fail;
    }
    if (above != NULL && needs_no_context(call->recipe))
        hot_set(&made->context, call->context);
    else if (hot_put(&made->context, hot_with(call->context, hot.SPAN_KEY, (PyObject *)made, NULL, NULL)) < 0)
        goto fail;
    if (hot_put(&made->instance_id, PyLong_FromVoidPtr(hot_instance(call))) < 0 ||
        hot_put(&made->start, PyLong_FromLongLong(hot_now())) < 0)
        goto fail;
    return (PyObject *)made;
fail:
    Py_CLEAR(made->root); /* perhaps itself */
    Py_DECREF(made);
    return NULL;
}

/* What paths read of a call; takes the arguments by name, NULL with an exception. */
static PyObject *
scope_of(Call *call, PyObject *bound)
{
    PyObject *scope = bound == NULL ? NULL : hot_scope_of(call, bound);
    Py_XDECREF(bound);
    return scope;
}

/* Whether a rule is to be applied to a call at all: 1, 0, or -1 with an exception. */
static int
applies(Call *call, PyObject *condition)
{
    long long before = hot_now();
    PyObject *scope = scope_of(call, hot_bind(call));
    int holds = scope == NULL ? -1 : hot_holds(condition, scope);
    Py_XDECREF(scope);
    return holds < 0 || hot_complain(call->recorder, call->recipe, hot_now() - before) < 0 ? -1 : holds;
}

/* Begin to count a call below another one that is only counted, None where it passes through; NULL without an exception
   where that is not for here. */
PyObject *
hot_begin_unrecorded(Call *call)
{
    PyObject *condition = SLOT(call->recipe, Recipe, condition);
    int joined = is_joined(call), holds = 1;
    if (joined < 0)
        return NULL;
    if (!joined && condition != Py_None)
        holds = applies(call, condition);
    if (holds < 0)
        return NULL;
    if (joined || !holds)
        Py_RETURN_NONE;
    return make(call, call->above, root_of((Unrecorded *)call->above, call->context));
}

/* Whether it is known that nothing of a recipe keeps a trace beyond what its R does, nor keeps it from beginning. */
static int
follows_random(PyObject *recipe)
{
    PyObject *sample = SLOT(recipe, Recipe, sample);
    return SLOT(recipe, Recipe, condition) == Py_None && SLOT(recipe, Recipe, critical) == Py_None &&
        SLOT(recipe, Recipe, rate) == Py_None && PyFloat_CheckExact(sample) && PyFloat_AS_DOUBLE(sample) > 0.0;
}

/* Whether the sampler's plan is the one that its thresholds are of: 1, 0, or -1 with an exception. */
static int
is_up_to_date(PyObject *tail, long long now)
{
    long long due = PyLong_AsLongLong(SLOT(tail, Tail, _due));
    if (now < due - EVERY || now >= due)
        return 0;
    PyObject *plan = PyObject_GetAttr(SLOT(tail, Tail, controller), hot.plan);
    Py_XDECREF(plan); /* the controller's */
    return plan == NULL ? -1 : plan == SLOT(tail, Tail, _plan);
}

/* Count that a trace has begun, as `Tail.begin`. */
int
hot_note_begun(PyObject *tail, PyObject *tally, long long now)
{
    PyObject *seen = PyLong_FromLongLong(now), *alarm = Py_NewRef(SLOT(tail, Tail, _alarm)), *told = NULL;
    PyObject *counting = Py_NewRef(SLOT(tail, Tail, _begun)), *begun = NULL;
    int sudden = -1;
    if (seen != NULL && (begun = Py_TYPE(counting)->tp_iternext(counting)) != NULL)
        sudden = PyObject_RichCompareBool(begun, alarm, Py_GE);
    if (sudden > 0 && (told = PyObject_CallMethodObjArgs(tail, hot.wake, seen, begun, NULL)) == NULL)
        sudden = -1;
    if (sudden >= 0)
        hot_set(&SLOT(tally, Tally, seen), seen);
    Py_XDECREF(told);
    Py_XDECREF(begun);
    Py_DECREF(counting);
    Py_DECREF(alarm);
    Py_XDECREF(seen);
    return sudden < 0 ? -1 : 0;
}

/* Whether it is the plan's alone to say whether the first call of a trace is recorded. Any error is left to who decides. */
int
hot_is_by_plan(Call *call, PyObject *tail, long long now)
{
    PyObject *tally = SLOT(call->recipe, Recipe, tally);
    int over, is_so;
    if (Py_TYPE(tail) != hot.type.Tail || SLOT(tail, Tail, _clock) != hot.clock || !follows_random(call->recipe) ||
        SLOT(call->recorder, Recorder, forced) != hot.zero)
        return 0;
    long long rare_after = PyLong_AsLongLongAndOverflow(SLOT(tail, Tail, _rare_after), &over);
    if (!over && now - PyLong_AsLongLong(SLOT(tally, Tally, seen)) > rare_after)
        return 0;
    is_so = is_up_to_date(tail, now);
    if (is_so < 0)
        PyErr_Clear();
    return is_so > 0;
}

/* Begin the first call of a trace that is left out, as `Placement.leave_out`. */
PyObject *
hot_leave_out(Call *call, PyObject *tail, PyObject *trace_id, long long now)
{
    PyObject *made;
    if (hot_note_begun(tail, SLOT(call->recipe, Recipe, tally), now) < 0 || (made = make(call, NULL, NULL)) == NULL)
        return NULL;
    Unrecorded *root = (Unrecorded *)made;
    hot_set(&root->tail, tail);
    hot_set(&root->trace_id, trace_id);
    if (hot_put(&root->random, PyLong_FromUnsignedLongLong(hot_random_of(trace_id))) < 0) {
        Py_CLEAR(root->root); /* itself */
        Py_CLEAR(made);
    }
    return made;
}

/* Count a call that was not worth an object of its own, unless what it returned is an error: 1, 0, or -1 with an
   exception that is to pass on. As `Endings.end_judged`. */
int
hot_judge_counted(Call *call, long long start, long long stop, PyObject *result)
{
    PyObject *recipe = call->recipe, *scope;
    scope = scope_of(call, IS_SET(recipe, Recipe, judges_call) ? hot_bind(call) : PyDict_New());
    int failed = -1;
    if (scope != NULL) {
        hot_set(&SLOT(scope, CallScope, result), result);
        failed = hot_holds(SLOT(recipe, Recipe, error_when), scope);
        Py_DECREF(scope);
    }
    if (failed > 0)
        return 0;
    if (failed < 0 || hot_count(SLOT(recipe, Recipe, tally), stop - start, 0) < 0)
        return hot_contain("finish") < 0 ? -1 : 1;
    return 1;
}

/* Give what paths read of a call its arguments by name. */
static int
bind(Unrecorded *call, PyObject *recipe, PyObject *scope)
{
    PyObject *args = Py_NewRef(call->args), *kwargs = Py_NewRef(call->kwargs);
    PyObject *bound = PyObject_CallFunctionObjArgs(SLOT(recipe, Recipe, bind), args, kwargs, NULL);
    Py_DECREF(args);
    Py_DECREF(kwargs);
    return hot_put(&SLOT(scope, CallScope, args), bound);
}

/* Judge what a call returned: 1 if it is an error, 0, or -1 with an exception. */
static int
judge(Unrecorded *call, PyObject *recipe, PyObject *result, PyObject **scope)
{
    PyObject *unbound = PyDict_New();
    if (unbound == NULL)
        return -1;
    *scope = hot_new_scope(recipe, call->instance, call->args, unbound);
    Py_DECREF(unbound);
    if (*scope == NULL)
        return -1;
    hot_set(&SLOT(*scope, CallScope, result), result);
    if (IS_SET(recipe, Recipe, judges_call) && bind(call, recipe, *scope) < 0)
        return -1;
    return hot_holds(SLOT(recipe, Recipe, error_when), *scope);
}

/* Whether a call may leave a stub: where it failed, or is the first of its trace and slow or above such a one. */
static int
may_leave_stub(Unrecorded *call, PyObject *recipe, long long taken, int failed)
{
    if (call->root == NULL || !is_one(call->root))
        return 0;
    Unrecorded *root = (Unrecorded *)call->root;
    if (root->tail == Py_None || !(failed || root == call))
        return 0;
    return failed || root->stubs != hot.zero ||
        taken > PyLong_AsLongLong(SLOT(SLOT(recipe, Recipe, tally), Tally, slow));
}

/* Leave it, as far as the sampler grants that. */
static int
leave_stub(Unrecorded *call, PyObject *recipe, long long taken, int failed, PyObject *scope)
{
    PyObject *tail = Py_NewRef(((Unrecorded *)call->root)->tail), *nanoseconds = PyLong_FromLongLong(taken), *told = NULL;
    if (nanoseconds != NULL && (scope == NULL || IS_SET(recipe, Recipe, judges_call) || bind(call, recipe, scope) == 0))
        told = PyObject_CallFunctionObjArgs(hot.end_unrecorded, tail, (PyObject *)call, nanoseconds,
                                            failed ? Py_True : Py_False, scope == NULL ? Py_None : scope, Py_None, NULL);
    Py_XDECREF(told);
    Py_XDECREF(nanoseconds);
    Py_DECREF(tail);
    return told == NULL ? hot_contain("stub") : 0;
}

/* Let go of what only an open call needs, beside the exception: its context holds it, which is a cycle, and its arguments
   are the application's. */
static void
release(Unrecorded *call)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    hot_set(&call->context, hot.RELEASED);
    hot_set(&call->parent, Py_None);
    hot_set(&call->instance, Py_None);
    hot_set(&call->args, hot.nothing);
    hot_set(&call->kwargs, hot.no_keywords);
    PyErr_Restore(type, value, traceback);
}

/* As `Unrecorded._end`: -1 with an exception that is to pass on. */
static int
end(Unrecorded *call, PyObject *recipe, long long taken, int failed, PyObject *scope)
{
    int done = 0;
    if (hot_count(SLOT(recipe, Recipe, tally), taken, failed) < 0)
        done = hot_contain("finish");
    if (done == 0 && may_leave_stub(call, recipe, taken, failed))
        done = leave_stub(call, recipe, taken, failed, scope);
    release(call); /* even where the tally was interrupted by a signal */
    return done;
}

/* What it has taken, in nanoseconds. */
static long long
duration(Unrecorded *call)
{
    long long stop = call->stop == Py_None ? 0 : PyLong_AsLongLong(call->stop);
    return (stop ? stop : hot_now()) - PyLong_AsLongLong(call->start);
}

static int
finish(Unrecorded *call, PyObject *result)
{
    PyObject *recipe = Py_NewRef(call->recipe), *scope = NULL;
    long long taken = duration(call);
    int done = 0, failed = 0;
    if (SLOT(recipe, Recipe, error_when) != Py_None && (failed = judge(call, recipe, result, &scope)) < 0) {
        done = hot_contain("finish");
        failed = 0;
    }
    if (done == 0)
        done = end(call, recipe, taken, failed, scope);
    Py_XDECREF(scope);
    Py_DECREF(recipe);
    return done;
}

/* Whether a call is as ours are when they begin. */
static int
is_plainly_ours(PyObject *recording)
{
    if (!is_one(recording))
        return 0;
    Unrecorded *call = (Unrecorded *)recording;
    return call->recipe != NULL && Py_TYPE(call->recipe) == hot.type.Recipe && PyLong_CheckExact(call->start) &&
        (call->stop == Py_None || PyLong_CheckExact(call->stop)) && PyLong_CheckExact(call->stubs);
}

/* Count the call of a stream that nobody holds any more, as of its last step; takes over from `Stream.drop`. 1 if it was
   counted, 0 where that is not for here, -1 with an exception that is to pass on. */
int
hot_drop_unrecorded(PyObject *recording, PyObject *left)
{
    if (!is_plainly_ours(recording) || !PyLong_CheckExact(left))
        return 0;
    Unrecorded *call = (Unrecorded *)recording;
    PyObject *recipe = Py_NewRef(call->recipe);
    hot_set(&call->stop, left);
    int done = end(call, recipe, duration(call), 0, NULL);
    Py_DECREF(recipe);
    return done < 0 ? -1 : 1;
}

/* End any recording with a result. */
int
hot_end(PyObject *recording, PyObject *result)
{
    if (Py_TYPE(recording) == hot.type.Span && ((Span *)recording)->stop == Py_None)
        return hot_finish((Span *)recording, result);
    if (is_plainly_ours(recording))
        return finish((Unrecorded *)recording, result);
    if (Py_TYPE(recording) == hot.type.Adoption)
        return hot_finish_adoption(recording, result);
    PyObject *told = PyObject_CallMethodOneArg(recording, hot.finish, result);
    Py_XDECREF(told);
    return told == NULL ? -1 : 0;
}

/* What stands for `Unrecorded.finish`. */
PyObject *
hot_finish_unrecorded(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2) {
        PyErr_SetString(PyExc_TypeError, "a result is needed");
        return NULL;
    }
    if (!hot.bound || !is_plainly_ours(args[0]))
        return PyObject_CallMethodOneArg(args[0], hot.finish_originally, args[1]);
    if (finish((Unrecorded *)args[0], args[1]) < 0)
        return NULL;
    Py_RETURN_NONE;
}
