/* Runs coroutines and the steps of async generators under their span, as `run_in_steps` of weaving/steps.py and `_Step`
   of weaving/generators.py: the span is current during each step and never across a yield. No frame of ours stands
   between, and a step costs 0.4 us, not 3. */
#include "parts.h"

typedef struct {
    PyObject_HEAD
    PyObject *body;      /* what is awaited: a coroutine, or one step of an async generator */
    PyObject *steps;     /* the context of a coroutine; NULL for a generator, whose stream has it */
    PyObject *stream;    /* of a generator, else NULL */
    PyObject *generator; /* whose step it is, else NULL */
    int last;            /* whether the step is that of `aclose` */
} Step;

/* Follow the consumer, who has changed its own context meanwhile, as `Steps.move`. */
static int
move(PyObject *steps, PyObject *outer)
{
    PyObject *span = SLOT(steps, Steps, span), *inner, *moved;
    if (SLOT(steps, Steps, inner) == SLOT(steps, Steps, outer)) {
        hot_set(&SLOT(steps, Steps, inner), outer);
        hot_set(&SLOT(steps, Steps, outer), outer);
        return 0;
    }
    if (Py_TYPE(span) == hot.type.Span && (PyObject *)Py_TYPE(outer) == hot.Context) {
        inner = hot_with(outer, hot.SPAN_KEY, span, hot.OWN_KEY, span);
        if (inner == NULL)
            return -1;
        Py_SETREF(SLOT(steps, Steps, inner), inner);
        hot_set(&SLOT(steps, Steps, outer), outer);
        return 0;
    }
    moved = PyObject_CallMethodOneArg(steps, hot.move, outer);
    Py_XDECREF(moved);
    return moved == NULL ? -1 : 0;
}

/* Make the body's context current: 1, 0 where the consumer's context is the body's and `leave` has nothing to do, or -1
   with an exception. */
int
hot_enter(PyObject *steps, Stay *stay)
{
    PyObject *outer;
    if (PyContextVar_Get(hot.variable, NULL, &outer) < 0)
        return -1;
    int moved = outer == SLOT(steps, Steps, outer) ? 0 : move(steps, outer), is_inner = SLOT(steps, Steps, inner) == outer;
    Py_DECREF(outer);
    if (moved < 0)
        return -1;
    if (is_inner)
        return 0;
    return hot_begin_stay(stay, SLOT(steps, Steps, inner), steps) < 0 ? -1 : 1;
}

/* Keep what the body has made current, and restore the consumer's context; the current exception stays. */
void
hot_leave(PyObject *steps, Stay *stay)
{
    PyObject *type, *value, *traceback, *inner;
    PyErr_Fetch(&type, &value, &traceback);
    if (!hot_is_unchanged(stay)) {
        hot_forget_maps(steps); /* whose token serves now, and cannot again */
        if (PyContextVar_Get(hot.variable, NULL, &inner) == 0)
            Py_SETREF(SLOT(steps, Steps, inner), inner);
    }
    if (hot_end_stay(stay) < 0)
        PyErr_Clear();
    PyErr_Restore(type, value, traceback);
}

/* Go on with the body: `thrown` are the arguments of its `throw`, NULL to send a value. */
static PySendResult
go(PyObject *body, PyObject *value, PyObject *thrown, PyObject **result)
{
    if (thrown == NULL)
        return PyIter_Send(body, value, result);
    PyObject *method = PyObject_GetAttr(body, hot.throw), *stop, *type, *traceback;
    *result = method == NULL ? NULL : PyObject_Call(method, thrown, NULL);
    Py_XDECREF(method);
    if (*result != NULL)
        return PYGEN_NEXT;
    if (!PyErr_ExceptionMatches(PyExc_StopIteration))
        return PYGEN_ERROR;
    PyErr_Fetch(&type, &stop, &traceback);
    PyErr_NormalizeException(&type, &stop, &traceback);
    *result = Py_NewRef(((PyStopIterationObject *)stop)->value);
    Py_XDECREF(type);
    Py_XDECREF(stop);
    Py_XDECREF(traceback);
    return PYGEN_RETURN;
}

/* Tell a stream something, beside the current exception. */
void
hot_tell(PyObject *stream, PyObject *method, PyObject *what)
{
    PyObject *type, *value, *traceback, *told;
    PyErr_Fetch(&type, &value, &traceback);
    told = what == NULL ? PyObject_CallMethodNoArgs(stream, method) : PyObject_CallMethodOneArg(stream, method, what);
    if (told == NULL && hot_contain("stream") == 0)
        told = Py_NewRef(Py_None);
    (void)hot_come_to(NULL, hot_told(told) < 0, type, value, traceback); /* another one is that of the strict mode */
}

/* End a stream that has come to its end, beside the exception that says so. */
static void
finish_beside(PyObject *stream)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int failed = hot_finish_stream(stream) != 0;
    (void)hot_come_to(NULL, failed, type, value, traceback); /* another one is that of the strict mode */
}

/* Tell a stream what its generator has failed with, whose frame has that name: the exception stays. */
void
hot_tell_failure(PyObject *stream, PyObject *generator, PyObject *name)
{
    PyObject *type, *value, *traceback;
    hot_catch(&type, &value, &traceback);
    PyObject *frame = PyObject_GetAttr(generator, name);
    if (frame == NULL)
        PyErr_Clear();
    else if (frame == Py_None) /* else it refused the step (it runs already, say), and goes on */
        hot_tell(stream, hot.fail, value);
    Py_XDECREF(frame);
    (void)hot_come_to(NULL, PyErr_Occurred() != NULL, type, value, traceback);
}

static PySendResult
go_on(Step *self, PyObject *value, PyObject *thrown, PyObject **result, PyThreadState *thread)
{
    hot_show(thread);
    PySendResult how = go(self->body, value, thrown, result);
    hot_hide(thread);
    return how;
}

static PySendResult
run(Step *self, PyObject *value, PyObject *thrown, PyObject **result, PyThreadState *thread)
{
    PyObject *steps = self->steps, *left;
    PySendResult how;
    Stay stay;
    if (self->stream != NULL) {
        if (SLOT(self->stream, Stream, started) != Py_True && !self->last) {
            if (hot_start(self->stream) < 0)
                goto fail;
        }
        steps = SLOT(self->stream, Stream, steps);
        if (steps == Py_None) {
            if (self->last) { /* it never began, or has ended: no later step begins it */
                hot_tell(self->stream, hot.abandon, NULL);
                if (PyErr_Occurred())
                    goto fail;
            }
            return go_on(self, value, thrown, result, thread);
        }
    }
    Py_INCREF(steps);
    int has_entered = hot_enter(steps, &stay);
    if (has_entered < 0) {
        Py_DECREF(steps);
        goto fail;
    }
    how = go_on(self, value, thrown, result, thread);
    if (has_entered)
        hot_leave(steps, &stay);
    Py_DECREF(steps);
    if (self->stream == NULL)
        return how;
    if (how == PYGEN_ERROR) {
        if (PyErr_ExceptionMatches(PyExc_StopAsyncIteration))
            finish_beside(self->stream);
        else
            hot_tell_failure(self->stream, self->generator, hot.ag_frame);
        return how;
    }
    left = PyLong_FromLongLong(hot_now());
    if (left == NULL)
        PyErr_Clear();
    else
        Py_SETREF(SLOT(self->stream, Stream, left), left);
    if (how == PYGEN_RETURN) {
        if (self->last)
            hot_tell(self->stream, hot.abandon, NULL);
        else
            hot_add_item(self->stream, *result);
        if (PyErr_Occurred()) {
            Py_CLEAR(*result);
            return PYGEN_ERROR;
        }
    }
    return how;
fail:
    *result = NULL;
    return PYGEN_ERROR;
}

/* Run one step, of a coroutine or up to where a generator's step waits or ends. */
static PySendResult
step(Step *self, PyObject *value, PyObject *thrown, PyObject **result)
{
    *result = NULL;
    if (thrown == NULL && hot_is_full())
        return PYGEN_ERROR;
    PyThreadState *thread = hot_hide_thread();
    PySendResult how = run(self, value, thrown, result, thread);
    hot_show(thread);
    return how;
}

/* What a method answers that can only raise `StopIteration` to tell the end. */
static PyObject *
answer(PySendResult how, PyObject *result)
{
    if (how != PYGEN_RETURN)
        return result;
    /* An instance: a tuple or an exception as the value would be taken for arguments. */
    PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
    Py_DECREF(result);
    if (stop != NULL)
        PyErr_SetObject(PyExc_StopIteration, stop);
    Py_XDECREF(stop);
    return NULL;
}

static PySendResult
step_am_send(Step *self, PyObject *value, PyObject **result)
{
    return step(self, value, NULL, result);
}

static PyObject *
step_next(Step *self)
{
    PyObject *result;
    PySendResult how = step(self, Py_None, NULL, &result);
    return answer(how, result);
}

static PyObject *
step_send(Step *self, PyObject *value)
{
    PyObject *result;
    PySendResult how = step(self, value, NULL, &result);
    return answer(how, result);
}

static PyObject *
step_throw(Step *self, PyObject *args)
{
    PyObject *result;
    PySendResult how = step(self, NULL, args, &result);
    return answer(how, result);
}

static PyObject *
close_shown(Step *self, PyThreadState *thread)
{
    hot_show(thread);
    PyObject *closed = PyObject_CallMethodNoArgs(self->body, hot.close_body);
    hot_hide(thread);
    return closed;
}

static PyObject *
close_hidden(Step *self, PyThreadState *thread)
{
    PyObject *steps = self->steps, *closed, *frame;
    Stay stay;
    if (self->stream != NULL && (steps = SLOT(self->stream, Stream, steps)) == Py_None)
        return close_shown(self, thread);
    Py_INCREF(steps);
    int has_entered = hot_enter(steps, &stay);
    closed = has_entered < 0 ? NULL : close_shown(self, thread);
    if (has_entered > 0)
        hot_leave(steps, &stay);
    Py_DECREF(steps);
    if (self->stream == NULL || has_entered < 0)
        return closed;
    /* Since Python 3.13 this closes the generator as well. */
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    frame = PyObject_GetAttr(self->generator, hot.ag_frame);
    if (frame == NULL)
        PyErr_Clear();
    else if (frame == Py_None)
        hot_tell(self->stream, hot.abandon, NULL);
    Py_XDECREF(frame);
    return hot_come_to(closed, PyErr_Occurred() != NULL, type, value, traceback);
}

static PyObject *
step_close(Step *self, PyObject *nothing)
{
    PyThreadState *thread = hot_hide_thread();
    PyObject *closed = close_hidden(self, thread);
    hot_show(thread);
    return closed;
}

static PyObject *
step_reduce(Step *self, PyObject *protocol)
{
    return PyObject_CallMethod(self->body, "__reduce_ex__", "O", protocol);
}

static PyObject *
step_dir(Step *self, PyObject *nothing)
{
    return PyObject_Dir(self->body);
}

static PyObject *
step_repr(Step *self)
{
    return PyObject_Repr(self->body);
}

static PyObject *
step_class(Step *self, void *nothing)
{
    return PyObject_GetAttrString(self->body, "__class__"); /* and not its type: it may be a stand-in itself */
}

static PyObject *
step_getattr(Step *self, PyObject *name)
{
    PyObject *found = PyObject_GenericGetAttr((PyObject *)self, name);
    if (found != NULL || !PyErr_ExceptionMatches(PyExc_AttributeError))
        return found;
    PyErr_Clear();
    return PyObject_GetAttr(self->body, name);
}

static int
step_setattr(Step *self, PyObject *name, PyObject *value)
{
    return PyObject_SetAttr(self->body, name, value);
}

static int
step_traverse(Step *self, visitproc visit, void *arg)
{
    Py_VISIT(self->body);
    Py_VISIT(self->steps);
    Py_VISIT(self->stream);
    Py_VISIT(self->generator);
    return 0;
}

static int
step_clear(Step *self)
{
    Py_CLEAR(self->body);
    Py_CLEAR(self->steps);
    Py_CLEAR(self->stream);
    Py_CLEAR(self->generator);
    return 0;
}

static void
step_dealloc(Step *self)
{
    PyObject_GC_UnTrack(self);
    step_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyMethodDef step_methods[] = {
    {"send", (PyCFunction)step_send, METH_O, NULL},
    {"throw", (PyCFunction)step_throw, METH_VARARGS, NULL},
    {"close", (PyCFunction)step_close, METH_NOARGS, NULL},
    {"__reduce_ex__", (PyCFunction)step_reduce, METH_O, NULL},
    {"__dir__", (PyCFunction)step_dir, METH_NOARGS, NULL},
    {NULL},
};

static PyGetSetDef step_getset[] = {
    {"__class__", (getter)step_class, NULL, NULL, NULL},
    {NULL},
};

static PyAsyncMethods step_async = {
    .am_await = PyObject_SelfIter,
    .am_send = (sendfunc)step_am_send,
};

PyTypeObject StepType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Step",
    .tp_basicsize = sizeof(Step),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_dealloc = (destructor)step_dealloc,
    .tp_traverse = (traverseproc)step_traverse,
    .tp_clear = (inquiry)step_clear,
    .tp_as_async = &step_async,
    .tp_iter = PyObject_SelfIter,
    .tp_iternext = (iternextfunc)step_next,
    .tp_repr = (reprfunc)step_repr,
    .tp_getattro = (getattrofunc)step_getattr,
    .tp_setattro = (setattrofunc)step_setattr,
    .tp_methods = step_methods,
    .tp_getset = step_getset,
};

static PyObject *
make(PyObject *body, PyObject *steps, PyObject *stream, PyObject *generator, int last)
{
    Step *made = (Step *)StepType.tp_alloc(&StepType, 0);
    if (made == NULL)
        return NULL;
    made->body = Py_NewRef(body);
    made->steps = Py_XNewRef(steps);
    made->stream = Py_XNewRef(stream);
    made->generator = Py_XNewRef(generator);
    made->last = last;
    return (PyObject *)made;
}

/* in_steps(body, steps) */
PyObject *
hot_in_steps(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || Py_TYPE(args[1]) != hot.type.Steps) {
        PyErr_SetString(PyExc_TypeError, "an awaitable and its steps are needed");
        return NULL;
    }
    return make(args[0], args[1], NULL, NULL, 0);
}

/* generator_step(awaitable, stream, generator, last) */
PyObject *
hot_generator_step(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 4 || Py_TYPE(args[1]) != hot.type.Stream) {
        PyErr_SetString(PyExc_TypeError, "an awaitable, its stream, its generator, and whether it is the last are needed");
        return NULL;
    }
    return make(args[0], NULL, args[1], args[2], args[3] == Py_True);
}

static PyObject *
next_step(PyObject *self)
{
    if (hot.type.StandIn == NULL || !PyObject_TypeCheck(self, hot.type.StandIn)) {
        PyErr_SetString(PyExc_TypeError, "a traced async generator is needed");
        return NULL;
    }
    PyObject *generator = SLOT(self, StandIn, _tp_wrapped), *stream = SLOT(self, StandIn, _tp_state), *awaitable, *made;
    if (generator == NULL || stream == NULL || Py_TYPE(stream) != hot.type.Stream) {
        PyErr_SetString(PyExc_AttributeError, "an async generator that was never made");
        return NULL;
    }
    awaitable = PyAsyncGen_CheckExact(generator) ? Py_TYPE(generator)->tp_as_async->am_anext(generator)
                                                 : PyObject_CallMethodNoArgs(generator, hot.anext);
    if (awaitable == NULL)
        return NULL;
    made = make(awaitable, NULL, stream, generator, 0);
    Py_DECREF(awaitable);
    return made;
}

/* What stands for `__anext__` of a traced async generator. */
static PyObject *
step_of(PyObject *module, PyObject *self)
{
    return next_step(self);
}

/* Whether a class has a function of ours for a method, as `bind_to_instances` makes it. */
int
hot_is_bound_to(PyTypeObject *type, PyObject *name, PyCFunction function)
{
    PyObject *own = _PyType_Lookup(type, name);
    return own != NULL && PyInstanceMethod_Check(own) && PyCFunction_Check(PyInstanceMethod_GET_FUNCTION(own)) &&
           PyCFunction_GET_FUNCTION(PyInstanceMethod_GET_FUNCTION(own)) == function;
}

/* As `hot_ask_directly`, of traced async generators. */
void
hot_await_directly(PyTypeObject *type)
{
    if (hot_is_bound_to(type, hot.anext, step_of))
        type->tp_as_async->am_anext = next_step;
}

static PyMethodDef bound_methods[] = {
    {"__anext__", step_of, METH_O, NULL},
    {"__next__", hot_next_item, METH_O, NULL},
    {"__iter__", hot_itself, METH_O, NULL},
    {"__del__", hot_drop, METH_O, NULL},
    {"finish", (PyCFunction)(void (*)(void))hot_finish_unrecorded, METH_FASTCALL, NULL},
};

static PyObject *
bind_to_instances(PyMethodDef *method)
{
    PyObject *function = PyCFunction_New(method, NULL), *made;
    made = function == NULL ? NULL : PyInstanceMethod_New(function);
    Py_XDECREF(function);
    return made;
}

/* Add to the module what is a method of classes that are written in Python. */
int
hot_add_methods(PyObject *module)
{
    static const char *names[] = {"next_step", "next_item", "itself", "drop", "finish_unrecorded"};
    for (size_t each = 0; each < sizeof(names) / sizeof(names[0]); each++) {
        PyObject *method = bind_to_instances(&bound_methods[each]);
        int failed = method == NULL || PyModule_AddObjectRef(module, names[each], method) < 0;
        Py_XDECREF(method);
        if (failed)
            return -1;
    }
    return 0;
}
