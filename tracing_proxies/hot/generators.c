/* The methods of generators that are traced, as `TracedGenerator` of weaving/generators.py: no frame of ours stands between
   the body and whoever asks it for an item, sends or throws into it, or closes it. */
#include "parts.h"

static void
touch(PyObject *stream)
{
    PyObject *left = PyLong_FromLongLong(hot_now());
    if (left == NULL)
        PyErr_Clear();
    else
        Py_SETREF(SLOT(stream, Stream, left), left);
}

/* Let go of a stream whose end cannot be recorded: the stack is too full for that. */
static void
give_up(PyObject *stream, PyObject *recording)
{
    hot_set(&SLOT(stream, Stream, recording), Py_None);
    hot_set(&SLOT(stream, Stream, steps), Py_None);
    hot_set(&SLOT(stream, Stream, fold), Py_None);
    if (Py_TYPE(recording) != hot.type.Span || ((Span *)recording)->stop != Py_None)
        return;
    PyObject *recorder = ((Span *)recording)->recorder;
    if (Py_TYPE(recorder) == hot.type.Recorder &&
        PyDict_DelItem(SLOT(recorder, Recorder, open), ((Span *)recording)->span_id) < 0)
        PyErr_Clear();
}

/* Take note of a step that ended in an exception, which is nearly always the end of the stream; the exception stays. */
static void
end_step(PyObject *stream, PyObject *generator)
{
    PyObject *type, *value, *traceback, *told;
    int done = 0;
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyErr_Fetch(&type, &value, &traceback);
        touch(stream);
        done = hot_finish_stream(stream);
    }
    else {
        hot_catch(&type, &value, &traceback);
        PyObject *recording = Py_NewRef(SLOT(stream, Stream, recording));
        told = PyObject_CallMethodObjArgs(stream, hot.end_step, generator, value, NULL);
        if (told == NULL && PyErr_ExceptionMatches(PyExc_RecursionError)) {
            PyErr_Clear();
            told = Py_NewRef(Py_None);
            give_up(stream, recording);
        }
        Py_DECREF(recording);
        done = told == NULL ? hot_contain("stream") : 0;
        Py_XDECREF(told);
    }
    (void)hot_come_to(NULL, done != 0, type, value, traceback); /* another one is that of the strict mode */
}

static int
is_stand_in(PyObject *self)
{
    if (hot.type.StandIn != NULL && PyObject_TypeCheck(self, hot.type.StandIn))
        return 1;
    PyErr_SetString(PyExc_TypeError, "a traced generator is needed");
    return 0;
}

/* What a generator is asked for: its next item, or what a method of it is called with. */
typedef struct {
    PyObject *name; /* NULL for the next item */
    PyObject *const *args;
    Py_ssize_t nargs;
    PyObject *names;
} Question;

static PyObject *
ask(PyObject *generator, const Question *question, PyThreadState *thread)
{
    PyObject *method = NULL, *answer = NULL;
    if (question->name != NULL && (method = PyObject_GetAttr(generator, question->name)) == NULL)
        return NULL;
    hot_show(thread);
    answer = method == NULL ? Py_TYPE(generator)->tp_iternext(generator)
                            : PyObject_Vectorcall(method, question->args, question->nargs, question->names);
    hot_hide(thread);
    Py_XDECREF(method);
    return answer;
}

/* One step of a generator under its span. */
static PyObject *
step(PyObject *stream, PyObject *generator, const Question *question, PyThreadState *thread)
{
    PyObject *steps, *item = NULL;
    int has_entered = 0;
    Stay stay;
    if (hot_is_full())
        return NULL;
    int failed = SLOT(stream, Stream, started) != Py_True && hot_start(stream) < 0;
    steps = Py_NewRef(SLOT(stream, Stream, steps));
    if (failed || (steps != Py_None && (has_entered = hot_enter(steps, &stay)) < 0))
        goto end;
    item = ask(generator, question, thread);
    if (steps == Py_None)
        goto end;
    if (has_entered)
        hot_leave(steps, &stay);
    if (item == NULL) {
        if (PyErr_Occurred())
            end_step(stream, generator);
        else
            (void)hot_finish_stream(stream); /* an exception is that of the strict mode */
        goto end;
    }
    touch(stream);
    if (SLOT(stream, Stream, fold) != Py_None) {
        hot_add_item(stream, item);
        if (PyErr_Occurred())
            Py_CLEAR(item);
    }
end:
    Py_DECREF(steps);
    return item;
}

/* As `Stream.close`. */
static PyObject *
close_generator(PyObject *stream, PyObject *generator, const Question *question, PyThreadState *thread)
{
    PyObject *steps = Py_NewRef(SLOT(stream, Stream, steps)), *closed = NULL;
    int has_entered = 0;
    Stay stay;
    if (steps != Py_None && (has_entered = hot_enter(steps, &stay)) < 0)
        goto end;
    closed = ask(generator, question, thread);
    if (steps != Py_None) {
        if (has_entered)
            hot_leave(steps, &stay);
        touch(stream);
    }
    if (closed == NULL)
        hot_tell_failure(stream, generator, hot.gi_frame);
    else {
        hot_tell(stream, hot.abandon, NULL);
        if (PyErr_Occurred())
            Py_CLEAR(closed);
    }
end:
    Py_DECREF(steps);
    return closed;
}

typedef PyObject *(*Way)(PyObject *stream, PyObject *generator, const Question *question, PyThreadState *thread);

/* Do with a generator's stream what one of its methods asks for: NULL at its end, perhaps without an exception. */
static PyObject *
go_on(PyObject *self, const Question *question, Way way)
{
    if (!is_stand_in(self))
        return NULL;
    PyObject *stream = SLOT(self, StandIn, _tp_state), *generator = SLOT(self, StandIn, _tp_wrapped);
    if (stream == NULL || generator == NULL || Py_TYPE(stream) != hot.type.Stream) {
        PyErr_SetString(PyExc_AttributeError, "a generator that was never made");
        return NULL;
    }
    Py_INCREF(stream);
    Py_INCREF(generator);
    PyThreadState *thread = hot_hide_thread();
    PyObject *item = way(stream, generator, question, thread);
    hot_show(thread);
    Py_DECREF(stream);
    Py_DECREF(generator);
    return item;
}

/* The next item of a traced generator, as the interpreter asks for it. */
static PyObject *
next_item(PyObject *self)
{
    static const Question question = {NULL};
    return go_on(self, &question, step);
}

static PyObject *
generator_send(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    Question question = {hot.send, args, nargs, names};
    return go_on(self, &question, step);
}

static PyObject *
generator_throw(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    Question question = {hot.throw, args, nargs, names};
    return go_on(self, &question, step);
}

static PyObject *
generator_close(PyObject *self, PyObject *const *args, Py_ssize_t nargs, PyObject *names)
{
    Question question = {hot.close_body, args, nargs, names};
    return go_on(self, &question, close_generator);
}

/* What stands for `__next__` of a traced generator. */
PyObject *
hot_next_item(PyObject *module, PyObject *self)
{
    PyObject *item = next_item(self);
    if (item == NULL && !PyErr_Occurred())
        PyErr_SetNone(PyExc_StopIteration);
    return item;
}

/* Have traced generators asked for their next item without a look at their class, and a bound method, in between: half of
   what an item costs of which nothing is recorded. */
void
hot_ask_directly(PyTypeObject *type)
{
    if (hot_is_bound_to(type, hot.next, hot_next_item))
        type->tp_iternext = next_item;
}

/* What stands for `__iter__` of a traced generator. */
PyObject *
hot_itself(PyObject *module, PyObject *self)
{
    return Py_NewRef(self);
}

/* As `_forget`. */
static void
forget(PyObject *stream)
{
    hot_set(&SLOT(stream, Stream, recording), Py_None);
    hot_set(&SLOT(stream, Stream, steps), Py_None);
    hot_set(&SLOT(stream, Stream, fold), Py_None);
    hot_set(&SLOT(stream, Stream, started), Py_True);
    hot_set(&SLOT(stream, Stream, opener), Py_None);
}

/* What stands for `__del__` of a traced generator. */
PyObject *
hot_drop(PyObject *module, PyObject *self)
{
    if (!is_stand_in(self))
        return NULL;
    PyObject *stream = SLOT(self, StandIn, _tp_state), *dropped;
    if (stream == NULL)
        Py_RETURN_NONE;
    Py_INCREF(stream);
    PyObject *recording = Py_NewRef(SLOT(stream, Stream, recording));
    PyThreadState *thread = hot_hide_thread();
    int done = recording == Py_None ? 1 : hot_drop_unrecorded(recording, SLOT(stream, Stream, left));
    if (done > 0) { /* it has ended, or never began */
        forget(stream);
        dropped = Py_NewRef(Py_None);
    }
    else
        dropped = done < 0 ? NULL : PyObject_CallMethodNoArgs(stream, hot.drop);
    hot_show(thread);
    Py_DECREF(recording);
    Py_DECREF(stream);
    return dropped;
}

/* The arguments go on as they came: what does not fit is refused by the generator, in its own words. */
static PyMethodDef methods[] = {
    {"send", (PyCFunction)(void (*)(void))generator_send, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"throw", (PyCFunction)(void (*)(void))generator_throw, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"close", (PyCFunction)(void (*)(void))generator_close, METH_FASTCALL | METH_KEYWORDS, NULL},
};

/* Make methods for classes that are written in Python, of the interpreter's own kind, as those of its own classes are: a
   dict of them by name. */
PyObject *
hot_make_methods(PyMethodDef *defined, size_t many)
{
    PyObject *made = PyDict_New();
    for (size_t each = 0; made != NULL && each < many; each++) {
        PyObject *method = PyDescr_NewMethod(&PyBaseObject_Type, &defined[each]);
        if (method == NULL || PyDict_SetItemString(made, defined[each].ml_name, method) < 0)
            Py_CLEAR(made);
        Py_XDECREF(method);
    }
    return made;
}

/* generator_methods(): the methods of traced generators that take arguments, by name. */
PyObject *
hot_generator_methods(PyObject *module, PyObject *nothing)
{
    return hot_make_methods(methods, Py_ARRAY_LENGTH(methods));
}
