/* The advice around each call of a woven function, as `advise` of weaving/proxies.py.

   No frame of ours stands between the caller and the target, so that what reads its caller's frame finds it, and no
   traceback has an entry of ours. */
#include "parts.h"

#define USUAL_DEPTH 1000 /* what the limit on recursion is unless an application sets another */

typedef struct {
    PyObject *type, *value, *traceback;
} Raised;

static void
catch(Raised *raised)
{
    hot_catch(&raised->type, &raised->value, &raised->traceback);
}

static void
drop(Raised *raised)
{
    Py_XDECREF(raised->type);
    Py_XDECREF(raised->value);
    Py_XDECREF(raised->traceback);
}

/* Raise what was caught again, unless what came of telling it is to be raised in its place. */
static PyObject *
raise_again(Raised *raised, PyObject *told)
{
    if (told == NULL)
        drop(raised);
    else {
        Py_DECREF(told);
        PyErr_Restore(raised->type, raised->value, raised->traceback);
    }
    return NULL;
}

/* Call the target, with what was passed in the form in which it came. */
static inline PyObject *
call_target(Call *call)
{
    PyObject *target = SLOT(call->point, JoinPoint, call), *result;
    hot_show(call->thread);
    result = call->vector != NULL ? PyObject_Vectorcall(target, call->vector, call->nargsf, call->names)
                                  : PyObject_Call(target, call->args, call->kwargs);
    hot_hide(call->thread);
    return result;
}

/* Put what was passed into a tuple and a dict, unless it came so. */
static int
fold(Call *call)
{
    if (call->args != NULL)
        return 0;
    Py_ssize_t many = call->names == NULL ? 0 : PyTuple_GET_SIZE(call->names);
    PyObject *args = PyTuple_New(call->nargs), *kwargs = NULL;
    if (args == NULL || (many && (kwargs = PyDict_New()) == NULL)) {
        Py_XDECREF(args);
        return -1;
    }
    for (Py_ssize_t at = 0; at < call->nargs; at++)
        PyTuple_SET_ITEM(args, at, Py_NewRef(call->vector[at]));
    for (Py_ssize_t at = 0; at < many; at++)
        if (PyDict_SetItem(kwargs, PyTuple_GET_ITEM(call->names, at), call->vector[call->nargs + at]) < 0) {
            Py_DECREF(args);
            Py_DECREF(kwargs);
            return -1;
        }
    call->args = args;
    call->kwargs = kwargs;
    return 0;
}

/* Whether a result is of a kind whose work may be done later; answers how it goes on, None if it does not: borrowed. */
static PyObject *
look_up(PyObject *result)
{
    if (result == Py_None || PyUnicode_CheckExact(result) || PyDict_CheckExact(result) || PyLong_CheckExact(result) ||
        PyBool_Check(result) || PyFloat_CheckExact(result) || PyList_CheckExact(result) || PyTuple_CheckExact(result))
        return Py_None;
    PyObject *key = PyLong_FromVoidPtr(Py_TYPE(result)), *found;
    if (key == NULL)
        return NULL;
    found = PyDict_GetItemWithError(hot.continues, key);
    Py_DECREF(key);
    return found == NULL && !PyErr_Occurred() ? Py_None : found;
}

/* Whether somebody else has made what a call returned, and holds it: then it goes out as it is, for it may be compared,
   and is not the call's to end. */
static inline int
is_handed_on(PyObject *proceed, PyObject *result)
{
    return proceed != NULL && proceed != Py_None && Py_REFCNT(result) > 1 &&
           Py_REFCNT(result) - hot_held_by_frames(result) > 1;
}

/* Let a coroutine or stream go on under its span; takes the result. */
static PyObject *
go_on(Call *call, PyObject *proceed, PyObject *recording, PyObject *result)
{
    PyObject *stands = NULL;
    if (recording == Py_None) {
        stands = hot_go_on_later(call, proceed, result);
        if (stands == NULL && hot_contain("stream") == 0)
            return result;
        Py_DECREF(result);
        return stands;
    }
    PyObject *rest = hot_rest(call), *keywords = hot_keywords(call);
    if (rest != NULL && keywords != NULL)
        stands = PyObject_CallFunctionObjArgs(hot.go_on, proceed, call->point, call->recipe, recording, result,
                                              hot_instance(call), rest, keywords, NULL);
    Py_XDECREF(rest);
    Py_XDECREF(keywords);
    Py_DECREF(result);
    return stands;
}

/* Tell the recorder the end of a call that was counted here. */
static PyObject *
end_counted(Call *call, PyObject *inside, long long start, long long stop, PyObject *raised)
{
    if (fold(call) < 0)
        return NULL;
    PyObject *keywords = hot_keywords(call), *begun = PyLong_FromLongLong(start), *ended = PyLong_FromLongLong(stop);
    PyObject *told = NULL;
    if (keywords != NULL && begun != NULL && ended != NULL)
        told = PyObject_CallMethodObjArgs(call->point, hot.end_counted, call->recipe, call->args, keywords,
                                          inside == NULL ? Py_None : inside, begun, ended,
                                          raised == NULL ? Py_None : raised, NULL);
    Py_XDECREF(keywords);
    Py_XDECREF(begun);
    Py_XDECREF(ended);
    return told;
}

/* Count a call whose result may be an error, and tell the recorder of it if it is one. */
static int
end_judged(Call *call, long long start, long long stop, PyObject *result)
{
    if (fold(call) < 0)
        return -1;
    int done = hot_judge_counted(call, start, stop, result);
    if (done)
        return done < 0 ? -1 : 0;
    PyObject *keywords = hot_keywords(call), *begun = PyLong_FromLongLong(start), *ended = PyLong_FromLongLong(stop);
    PyObject *told = NULL;
    if (keywords != NULL && begun != NULL && ended != NULL)
        told = PyObject_CallMethodObjArgs(call->point, hot.end_judged, call->recipe, call->args, keywords, begun, ended,
                                          result, NULL);
    Py_XDECREF(keywords);
    Py_XDECREF(begun);
    Py_XDECREF(ended);
    Py_XDECREF(told);
    return told == NULL ? -1 : 0;
}

/* What goes on after a call whose recording is known; takes the result. */
static PyObject *
end(Call *call, PyObject *recording, PyObject *result)
{
    PyObject *proceed = look_up(result);
    if (is_handed_on(proceed, result))
        proceed = Py_None;
    else if (proceed == Py_None && SLOT(call->recipe, Recipe, fold) != Py_None) {
        proceed = PyObject_CallOneArg(hot.proceed_with, (PyObject *)Py_TYPE(result));
        Py_XDECREF(proceed); /* a function of a module */
    }
    if (proceed == NULL) {
        Py_DECREF(result);
        return NULL;
    }
    if (proceed != Py_None)
        return go_on(call, proceed, recording, result);
    if (recording == Py_None)
        return result;
    if (hot_end(recording, result) < 0)
        Py_CLEAR(result);
    return result;
}

PyObject *
hot_context_of(PyObject *recording)
{
    if (Py_TYPE(recording) == hot.type.Span)
        return Py_NewRef(((Span *)recording)->context);
    if ((PyObject *)Py_TYPE(recording) == hot.Unrecorded && ((Unrecorded *)recording)->context != NULL)
        return Py_NewRef(((Unrecorded *)recording)->context);
    if (Py_TYPE(recording) == hot.type.Adoption && SLOT(recording, Adoption, context) != NULL)
        return Py_NewRef(SLOT(recording, Adoption, context));
    return PyObject_GetAttr(recording, hot.context);
}

/* Call the target under a recording. */
static PyObject *
record(Call *call, PyObject *recording)
{
    PyObject *context = hot_context_of(recording);
    Stay stay;
    if (context == NULL)
        return NULL;
    int has_begun = hot_begin_stay(&stay, context, NULL);
    Py_DECREF(context);
    if (has_begun < 0)
        return NULL;
    PyObject *result = call_target(call);
    if (result != NULL) {
        if (hot_end_stay(&stay) == 0)
            return end(call, recording, result);
        Py_DECREF(result);
        return NULL;
    }
    Raised raised;
    catch (&raised);
    if (hot_end_stay(&stay) < 0)
        PyErr_Clear();
    PyObject *told = PyObject_CallMethodOneArg(recording, hot.fail, raised.value);
    if (told == NULL && PyErr_ExceptionMatches(PyExc_RecursionError)) {
        /* The stack is full: no room to record it, nor for one more call. */
        PyErr_Clear();
        told = Py_NewRef(Py_None);
        if (Py_TYPE(recording) == hot.type.Span &&
            PyDict_DelItem(SLOT(call->recorder, Recorder, open), ((Span *)recording)->span_id) < 0)
            PyErr_Clear();
    }
    return raise_again(&raised, told);
}

/* Call a target that is only counted.

   inside: what is to be current below it; NULL for what is.
   tail: the sampler that has left it out, NULL where a rule or a call above has. */
static PyObject *
count(Call *call, PyObject *inside, PyObject *tail)
{
    PyObject *result, *tally = SLOT(call->point, JoinPoint, tally);
    Stay stay;
    if (inside != NULL && hot_begin_stay(&stay, inside, NULL) < 0)
        return NULL;
    long long start = hot_now(), stop;
    result = call_target(call);
    stop = hot_now();
    if (result == NULL) {
        Raised raised;
        catch (&raised);
        if (inside != NULL && hot_end_stay(&stay) < 0)
            PyErr_Clear();
        return raise_again(&raised, end_counted(call, inside, start, stop, raised.value));
    }
    if (inside != NULL && hot_end_stay(&stay) < 0)
        goto fail;
    PyObject *proceed = look_up(result);
    if (proceed == NULL)
        goto fail;
    if ((proceed != Py_None || SLOT(call->recipe, Recipe, fold) != Py_None) && !is_handed_on(proceed, result)) {
        /* What its call has only made goes on, under a recording that lasts as long. */
        if (fold(call) < 0)
            goto fail;
        PyObject *rest = hot_rest(call), *keywords = hot_keywords(call), *recording = NULL;
        if (rest != NULL && keywords != NULL)
            recording = PyObject_CallFunctionObjArgs(SLOT(call->point, JoinPoint, begin_later), call->recipe,
                                                     SLOT(call->point, JoinPoint, function), hot_instance(call), rest,
                                                     keywords, NULL);
        Py_XDECREF(rest);
        Py_XDECREF(keywords);
        if (recording == NULL)
            goto fail;
        result = end(call, recording, result);
        Py_DECREF(recording);
        return result;
    }
    if (SLOT(call->recipe, Recipe, error_when) != Py_None) {
        if (end_judged(call, start, stop, result) < 0)
            goto fail;
        return result;
    }
    if (hot_count(tally, stop - start, 0) < 0 && hot_contain("finish") < 0)
        goto fail;
    if (tail != NULL &&
        (stop - start > PyLong_AsLongLong(SLOT(tally, Tally, slow)) || PyDict_GET_SIZE(SLOT(tail, Tail, roots)))) {
        PyObject *told = end_counted(call, inside, start, stop, NULL);
        if (told == NULL)
            goto fail;
        Py_DECREF(told);
    }
    return result;
fail:
    Py_DECREF(result);
    return NULL;
}

/* Decide at once on most traces that are not recorded, as `Tail.leave_out`: what is to be current below, or an id. */
static PyObject *
leave_out(Call *call, PyObject *tail)
{
    PyObject *tally = SLOT(call->recipe, Recipe, tally), *drawn = NULL, *note = NULL, *inside = NULL;
    int over;
    long long now = hot_now(), rare_after = PyLong_AsLongLongAndOverflow(SLOT(tail, Tail, _rare_after), &over);
    PyObject *trace_id = hot_random_bits(128);
    if (trace_id == NULL)
        return NULL;
    if (now >= PyLong_AsLongLong(SLOT(tail, Tail, _due)) ||
        hot_random_of(trace_id) >= hot_low_bits(SLOT(tail, Tail, _least)) ||
        (!over && now - PyLong_AsLongLong(SLOT(tally, Tally, seen)) > rare_after))
        return trace_id;
    PyObject *seen = PyLong_FromLongLong(now);
    if (seen == NULL)
        goto end;
    Py_SETREF(SLOT(tally, Tally, seen), seen);
    drawn = Py_TYPE(SLOT(tail, Tail, _skipped))->tp_iternext(SLOT(tail, Tail, _skipped));
    note = PyTuple_Pack(2, trace_id, call->recipe);
    if (drawn != NULL && note != NULL)
        inside = hot_with(call->context, hot.SPAN_KEY, SLOT(tail, Tail, _below), hot.ROOT_KEY, note);
end:
    Py_DECREF(trace_id);
    Py_XDECREF(drawn);
    Py_XDECREF(note);
    return inside;
}

/* Make what is current below a call whose rule says that nothing is recorded. */
static PyObject *
exclude(Call *call)
{
    PyObject *skipped = PyObject_CallNoArgs(SLOT(call->point, JoinPoint, skip));
    if (skipped == NULL)
        return NULL;
    Py_DECREF(skipped);
    if (!PyDict_GET_SIZE(call->context))
        return Py_NewRef(hot.LEFT_OUT_CONTEXT);
    return hot_with(call->context, hot.SPAN_KEY, hot.UNSAMPLED, NULL, NULL);
}

/* Place a call, and call the target as that asks. */
static PyObject *
advise(Call *call)
{
    PyObject *recipe = call->recipe, *inside = NULL, *tail = NULL, *recording, *result;
    if (call->above == NULL) {
        if (IS_SET(recipe, Recipe, never))
            inside = exclude(call);
        else if (IS_SET(recipe, Recipe, is_plain) && SLOT(call->recorder, Recorder, forced) == hot.zero &&
                 (tail = SLOT(call->recorder, Recorder, tail)) != Py_None) {
            Py_INCREF(tail);
            if (Py_TYPE(tail) == hot.type.Tail && SLOT(tail, Tail, _clock) == hot.clock)
                inside = leave_out(call, tail);
            else
                inside = PyObject_CallMethodObjArgs(tail, hot.leave_out, recipe, call->context, NULL);
        }
        else
            tail = NULL;
        if (inside == NULL && PyErr_Occurred()) {
            Py_XDECREF(tail);
            if (hot_contain("begin") < 0)
                return NULL;
            return call_target(call);
        }
        if (inside != NULL && (PyObject *)Py_TYPE(inside) == hot.Context) {
            result = count(call, inside, tail);
            Py_DECREF(inside);
            Py_XDECREF(tail);
            return result;
        }
        Py_XDECREF(tail);
    }
    else if ((PyObject *)Py_TYPE(call->above) == hot.Unrecorded && IS_SET(recipe, Recipe, counts_alone) &&
             SLOT(SLOT(call->point, JoinPoint, tally), Tally, has_namesakes) == Py_False)
        return count(call, NULL, NULL);
    recording = fold(call) < 0 ? NULL : hot_begin(call, inside);
    Py_XDECREF(inside);
    if (recording == NULL)
        return NULL;
    if (recording == Py_None)
        result = call_target(call);
    else
        result = record(call, recording);
    Py_DECREF(recording);
    return result;
}

/* The advice around one call, of which it is known what was passed. */
static PyObject *
around(PyObject *self, Call *call)
{
    PyObject *result = NULL;
    call->thread = hot_hide_thread();
    call->point = hot.bound ? SLOT(self, WovenFunction, _self_tp) : NULL;
    if (call->point == NULL || Py_TYPE(call->point) != hot.type.JoinPoint) {
        PyErr_SetString(PyExc_AssertionError, "a proxy without a join point");
        hot_show(call->thread);
        return NULL;
    }
    Py_INCREF(call->point);
    call->recipe = Py_NewRef(SLOT(call->point, JoinPoint, recipe));
    if (call->recipe == Py_None) {
        result = call_target(call);
        goto end;
    }
    call->bound = IS_SET(call->point, JoinPoint, bound);
    if (IS_SET(call->point, JoinPoint, lazy)) {
        result = call_target(call);
        if (result != NULL && fold(call) < 0)
            Py_CLEAR(result);
        if (result != NULL)
            result = end(call, Py_None, result);
        goto end;
    }
    call->recorder = SLOT(call->point, JoinPoint, recorder); /* for as long as the join point lives */
    if (hot_look_around(call) == 0)
        result = advise(call);
end:
    Py_XDECREF(call->context);
    Py_DECREF(call->recipe);
    Py_DECREF(call->point);
    hot_show(call->thread);
    return result;
}

static PyObject *
advised_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Call call = {.args = args, .kwargs = kwargs, .nargs = PyTuple_GET_SIZE(args)};
    return hot_is_full() ? NULL : around(self, &call);
}

/* Whether so many calls are under way that each of ours is to count twice: the interpreter's own from Python to Python need
   none of the C stack since 3.11, and where the limit on recursion has been raised that would not do for as many of ours.
   From 3.12 on it counts what is on the C stack by itself. */
static inline int
is_deep(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return 0;
#elif PY_VERSION_HEX >= 0x030B0000
    PyThreadState *state = PyThreadState_Get();
    return state->recursion_limit - state->recursion_remaining > USUAL_DEPTH;
#else
    return PyThreadState_Get()->recursion_depth > USUAL_DEPTH;
#endif
}

/* The same where the interpreter hands arguments over as they lie: most calls need no tuple of them, and no dict. Where it
   has none it may say that they lie nowhere, as `iter(f, end)` does. */
static PyObject *
advised_vectorcall(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    static PyObject *const none[] = {NULL};
    Call call = {
        .vector = args == NULL ? none : args,
        .nargsf = args == NULL ? 0 : nargsf,
        .names = names,
        .nargs = PyVectorcall_NARGS(nargsf),
    };
    int deep = is_deep();
    if (hot_is_full() || (deep && Py_EnterRecursiveCall(" while calling a Python object")))
        return NULL;
    PyObject *result = around(self, &call);
    if (deep)
        Py_LeaveRecursiveCall();
    Py_XDECREF(call.args);
    Py_XDECREF(call.kwargs);
    return result;
}

/* Bind a callable to an instance, as a function of a class is. */
PyObject *
hot_get_method(PyObject *self, PyObject *instance, PyObject *owner)
{
    return instance == NULL || instance == Py_None ? Py_NewRef(self) : PyMethod_New(self, instance);
}

/* Read an attribute as `_AsRaw.__getattribute__`, which has the special methods that functions have not. */
static PyObject *
advised_getattro(PyObject *self, PyObject *name)
{
    int is_special;
    if (!hot.bound)
        return PyObject_GenericGetAttr(self, name);
    if (hot.read_attribute == NULL || !PyObject_TypeCheck(self, hot.type.WovenFunction))
        return PyObject_CallFunctionObjArgs(hot.getattribute, self, name, NULL);
    is_special = PySet_Contains(hot.not_functions, name);
    if (is_special < 0)
        return NULL;
    return is_special ? PyObject_CallFunctionObjArgs(hot.getattribute, self, name, NULL) : hot.read_attribute(self, name);
}

/* Answer an attribute of a woven function: what neither the proxy's class nor its own dict can have is asked of the
   function at once, with no exception made and dropped on the way there. */
static PyObject *
function_getattro(PyObject *self, PyObject *name)
{
    int is_own = PyUnicode_Tailmatch(name, hot.own, 0, PY_SSIZE_T_MAX, -1);
    PyObject *raw = is_own < 0 ? NULL : hot.raw->get(self, hot.raw->closure), *found;
    if (raw == NULL)
        return NULL;
    if (!PyFunction_Check(raw) || is_own)
        found = hot.read_hooked(self, name);
    else if (PyUnicode_Compare(name, hot.class_name) == 0)
        found = Py_NewRef(Py_TYPE(raw));
    else if (_PyType_Lookup(Py_TYPE(self), name) != NULL) /* as all special methods of wrapt's are */
        found = hot.read_hooked(self, name);
    else
        found = PyObject_GetAttr(raw, name);
    Py_DECREF(raw);
    return found;
}

/* Make an instance of a class of woven functions, which is called by its vector: that stands behind all else. */
static PyObject *
function_alloc(PyTypeObject *type, Py_ssize_t count)
{
    PyObject *made = PyType_GenericAlloc(type, count);
    if (made != NULL)
        *(vectorcallfunc *)((char *)made + type->tp_vectorcall_offset) = advised_vectorcall;
    return made;
}

/* Have the instances of a class called as functions are: by a vector of arguments, and as methods without a bound method in
   between. That is a third of what a call costs that is only counted. */
static void
call_as_functions(PyTypeObject *type)
{
    if (type->tp_itemsize || type->tp_vectorcall_offset || type->tp_call != advised_call || type->tp_descr_get != hot_get_method)
        return;
    type->tp_vectorcall_offset = (type->tp_basicsize + (Py_ssize_t)sizeof(vectorcallfunc) - 1) &
        ~((Py_ssize_t)sizeof(vectorcallfunc) - 1);
    type->tp_basicsize = type->tp_vectorcall_offset + (Py_ssize_t)sizeof(vectorcallfunc);
    type->tp_alloc = function_alloc; /* of this class only: a subclass gets the interpreter's */
    type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
}

/* Compare a woven function: functions have no order, and whoever compares is to hear so of them as they stand. */
static PyObject *
function_compare(PyObject *self, PyObject *other, int how)
{
    if (how != Py_EQ && how != Py_NE)
        Py_RETURN_NOTIMPLEMENTED;
    return hot.compare_hooked(self, other, how);
}

/* Set an attribute of a woven function: the dict of one may be exchanged, which wrapt's proxies do not let through. */
static int
function_setattro(PyObject *self, PyObject *name, PyObject *value)
{
    if (PyUnicode_Compare(name, hot.own_dict) != 0)
        return hot.set_hooked(self, name, value);
    PyObject *raw = hot.raw->get(self, hot.raw->closure);
    int done = raw == NULL ? -1 : PyObject_SetAttr(raw, name, value);
    Py_XDECREF(raw);
    return done;
}

/* Leave out what wrapt's proxies can do and functions cannot, for the interpreter to say so in its own words. It has others
   for a class that might have items, and has none. */
static void
refuse_as(PyTypeObject *type, PyTypeObject *kind)
{
    if (type->tp_as_sequence != NULL && kind->tp_as_sequence != NULL)
        *type->tp_as_sequence = (PySequenceMethods){NULL};
    else
        type->tp_as_sequence = NULL;
    type->tp_as_mapping = NULL;
    type->tp_as_number = NULL;
    type->tp_iter = NULL;
    type->tp_richcompare = function_compare;
    type->tp_setattro = function_setattro;
}

/* straighten(class, kind): let the instances of a class, which stand for callables of a kind that binds as functions do, and
   can no more than these, be read as above, and called so. In the interpreter's messages they are named as their kind. */
PyObject *
hot_straighten(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyType_Check(args[0]) || !PyType_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a class of woven functions is needed, and what they stand for");
        return NULL;
    }
    PyTypeObject *type = (PyTypeObject *)args[0], *kind = (PyTypeObject *)args[1];
    if (!hot.bound || hot.raw == NULL || hot.read_attribute == NULL || type->tp_getattro == function_getattro ||
        (hot.read_hooked != NULL && hot.read_hooked != type->tp_getattro))
        Py_RETURN_NONE;
    if (!PyType_IsSubtype(type, hot.type.WovenFunction)) {
        PyErr_SetString(PyExc_TypeError, "a class of woven functions is needed");
        return NULL;
    }
    hot.read_hooked = type->tp_getattro; /* the same for all: a `__getattr__` after a `__getattribute__` */
    hot.compare_hooked = type->tp_richcompare;
    hot.set_hooked = type->tp_setattro;
    type->tp_getattro = function_getattro;
    call_as_functions(type);
    refuse_as(type, kind);
    type->tp_name = ((PyTypeObject *)Py_NewRef(kind))->tp_name;
    PyType_Modified(type);
    Py_RETURN_NONE;
}

PyTypeObject Advised = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Advised",
    .tp_basicsize = sizeof(PyObject),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .tp_call = advised_call,
    .tp_getattro = advised_getattro,
    .tp_descr_get = hot_get_method,
};
