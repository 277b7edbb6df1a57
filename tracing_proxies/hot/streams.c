/* Records generators as `Stream` of weaving/stream.py does: what stands for one, its first step, its items, and its end. */
#include "parts.h"

/* What begins the span of a call whose body runs later, at its first step, or makes the fold of its items: a callable, as
   the partial and the lambda that it stands for in weaving/advice.py. */
typedef struct {
    PyObject_HEAD
    PyObject *point, *recipe, *args, *kwargs;
    int folds;
} Opening;

static Call
call_of(Opening *self)
{
    Call call = {
        .point = self->point,
        .recipe = self->recipe,
        .recorder = SLOT(self->point, JoinPoint, recorder),
        .args = self->args,
        .kwargs = self->kwargs,
        .nargs = PyTuple_GET_SIZE(self->args),
        .bound = IS_SET(self->point, JoinPoint, bound),
    };
    return call;
}

static PyObject *
open_span(Opening *self)
{
    PyObject *begun = NULL;
    Call call = call_of(self);
    if (hot_look_around(&call) == 0)
        begun = hot_begin(&call, NULL);
    Py_XDECREF(call.context);
    return begun;
}

static PyObject *
open_fold(Opening *self)
{
    Call call = call_of(self);
    PyObject *bound = hot_bind(&call), *made;
    if (bound == NULL)
        return NULL;
    made = PyObject_CallFunctionObjArgs(SLOT(self->recipe, Recipe, fold), hot_instance(&call), bound, NULL);
    Py_DECREF(bound);
    return made;
}

static PyObject *
opening_call(Opening *self, PyObject *args, PyObject *kwargs)
{
    return self->folds ? open_fold(self) : open_span(self);
}

static int
opening_traverse(Opening *self, visitproc visit, void *arg)
{
    Py_VISIT(self->point);
    Py_VISIT(self->recipe);
    Py_VISIT(self->args);
    Py_VISIT(self->kwargs);
    return 0;
}

static int
opening_clear(Opening *self)
{
    Py_CLEAR(self->point);
    Py_CLEAR(self->recipe);
    Py_CLEAR(self->args);
    Py_CLEAR(self->kwargs);
    return 0;
}

static void
opening_dealloc(Opening *self)
{
    PyObject_GC_UnTrack(self);
    opening_clear(self);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject OpeningType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Opening",
    .tp_basicsize = sizeof(Opening),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_call = (ternaryfunc)opening_call,
    .tp_dealloc = (destructor)opening_dealloc,
    .tp_traverse = (traverseproc)opening_traverse,
    .tp_clear = (inquiry)opening_clear,
};

static PyObject *
make_opening(Call *call, int folds)
{
    Opening *made = (Opening *)OpeningType.tp_alloc(&OpeningType, 0);
    if (made == NULL)
        return NULL;
    made->point = Py_NewRef(call->point);
    made->recipe = Py_NewRef(call->recipe);
    made->args = Py_NewRef(call->args);
    made->kwargs = Py_XNewRef(call->kwargs);
    made->folds = folds;
    return (PyObject *)made;
}

/* Whether a generator is a coroutine as well (`types.coroutine`). */
static int
is_coroutine(PyObject *generator)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyCodeObject *code = PyGen_GetCode((PyGenObject *)generator);
    int answer = code->co_flags & CO_ITERABLE_COROUTINE;
    Py_DECREF(code);
    return answer;
#else
    return ((PyCodeObject *)((PyGenObject *)generator)->gi_code)->co_flags & CO_ITERABLE_COROUTINE;
#endif
}

static PyObject *
make(PyTypeObject *type)
{
    return type->tp_alloc(type, 0);
}

/* Make what stands for a generator of which nothing has run. */
static PyObject *
stand_for(PyTypeObject *type, PyObject *generator, PyObject *opening, PyObject *recipe, PyObject *folding)
{
    PyObject *stream = make(hot.type.Stream), *stands;
    if (stream == NULL)
        return NULL;
    SLOT(stream, Stream, opener) = Py_NewRef(opening);
    SLOT(stream, Stream, recipe) = Py_NewRef(recipe);
    SLOT(stream, Stream, recording) = Py_NewRef(Py_None);
    SLOT(stream, Stream, fold) = Py_NewRef(folding);
    SLOT(stream, Stream, steps) = Py_NewRef(Py_None);
    SLOT(stream, Stream, started) = Py_NewRef(Py_False);
    SLOT(stream, Stream, left) = Py_NewRef(hot.zero);
    stands = make(type);
    if (stands == NULL) {
        Py_DECREF(stream);
        return NULL;
    }
    SLOT(stands, StandIn, _tp_wrapped) = Py_NewRef(generator);
    SLOT(stands, StandIn, _tp_state) = stream;
    return stands;
}

/* As `go_on` of weaving/advice.py, for a call that has no recording yet. */
PyObject *
hot_go_on_later(Call *call, PyObject *proceed, PyObject *result)
{
    PyObject *opening = make_opening(call, 0), *folding = NULL, *stands = NULL, *recipe = call->recipe;
    if (opening != NULL)
        folding = SLOT(recipe, Recipe, fold) == Py_None ? Py_NewRef(Py_None) : make_opening(call, 1);
    if (folding == NULL)
        stands = NULL;
    else if (proceed == hot.proceed_generator && PyGen_CheckExact(result) && !is_coroutine(result))
        stands = stand_for(hot.type.TracedGenerator, result, opening, recipe, folding);
    else if (proceed == hot.proceed_async_generator && PyAsyncGen_CheckExact(result))
        stands = stand_for(hot.type.TracedAsyncGenerator, result, opening, recipe, folding);
    else if (proceed == hot.proceed_coroutine && PyCoro_CheckExact(result) && hot.type.Steps != NULL)
        stands = hot_proceed_coroutine(result, opening, recipe, folding);
    else
        stands = PyObject_CallFunctionObjArgs(proceed, result, opening, Py_None, recipe, folding, NULL);
    Py_XDECREF(folding);
    Py_XDECREF(opening);
    return stands;
}

/* As `Steps(recording)`. */
PyObject *
hot_make_steps(PyObject *recording)
{
    PyObject *inner, *outer = NULL, *steps = NULL;
    if (Py_TYPE(recording) != hot.type.Span && (PyObject *)Py_TYPE(recording) != hot.Unrecorded)
        return PyObject_CallOneArg((PyObject *)hot.type.Steps, recording);
    inner = hot_context_of(recording);
    if (inner == NULL || PyContextVar_Get(hot.variable, NULL, &outer) < 0 || (steps = make(hot.type.Steps)) == NULL) {
        Py_XDECREF(inner);
        Py_XDECREF(outer);
        return NULL;
    }
    SLOT(steps, Steps, span) = Py_NewRef(recording);
    SLOT(steps, Steps, inner) = inner;
    SLOT(steps, Steps, outer) = outer;
    return steps;
}

static PyObject *
make_fold(PyObject *recipe)
{
    PyObject *fold = make(hot.type.ItemFold), *items = fold == NULL ? NULL : PyList_New(0);
    if (items == NULL) {
        Py_XDECREF(fold);
        return NULL;
    }
    SLOT(fold, ItemFold, _limits) = Py_NewRef(SLOT(recipe, Recipe, limits));
    SLOT(fold, ItemFold, _items) = items;
    SLOT(fold, ItemFold, _more) = Py_NewRef(hot.zero);
    return fold;
}

/* Whether nothing of a stream's items is wanted. */
static int
is_bare(PyObject *recording)
{
    if (Py_TYPE(recording) != hot.type.Span)
        return (PyObject *)Py_TYPE(recording) == hot.Unrecorded;
    Trace *trace = (Trace *)((Span *)recording)->trace;
    return Py_TYPE(trace) == hot.type.Trace && trace->payload != Py_True;
}

/* Make what takes a stream's items: what its rule says, or a list of the first of them. */
static int
begin_fold(PyObject *stream, PyObject *recording)
{
    PyObject *folding = SLOT(stream, Stream, fold), *made;
    if ((PyObject *)Py_TYPE(recording) == hot.Unrecorded || (folding == Py_None && is_bare(recording))) {
        hot_set(&SLOT(stream, Stream, fold), Py_None);
        return 0;
    }
    if (folding != Py_None) {
        Py_INCREF(folding);
        made = open_fold((Opening *)folding);
        Py_DECREF(folding);
        if (made == NULL && hot_contain("fold") < 0)
            return -1;
    }
    else
        made = NULL;
    if (made == NULL && (made = make_fold(SLOT(stream, Stream, recipe))) == NULL)
        return -1;
    Py_SETREF(SLOT(stream, Stream, fold), made);
    return 0;
}

static int
begin(PyObject *stream, Opening *opening)
{
    PyObject *recording = open_span(opening), *made;
    int done = -1;
    if (recording == NULL)
        return -1;
    hot_set(&SLOT(stream, Stream, recording), recording);
    if (recording == Py_None) {
        hot_set(&SLOT(stream, Stream, fold), Py_None);
        done = 0;
    }
    else if ((made = hot_make_steps(recording)) != NULL) {
        Py_SETREF(SLOT(stream, Stream, steps), made);
        done = begin_fold(stream, recording);
    }
    Py_DECREF(recording);
    return done;
}

/* As `Stream.start`. */
int
hot_start(PyObject *stream)
{
    PyObject *opener = SLOT(stream, Stream, opener), *fold = SLOT(stream, Stream, fold);
    if (Py_TYPE(opener) != &OpeningType || (fold != Py_None && Py_TYPE(fold) != &OpeningType)) {
        hot_tell(stream, hot.start, NULL);
        return PyErr_Occurred() ? -1 : 0;
    }
    Py_INCREF(opener);
    hot_set(&SLOT(stream, Stream, started), Py_True);
    hot_set(&SLOT(stream, Stream, opener), Py_None);
    int done = begin(stream, (Opening *)opener);
    Py_DECREF(opener);
    return done < 0 ? hot_contain("stream") : 0;
}

static int
add_item(PyObject *fold, PyObject *item)
{
    PyObject *limits = SLOT(fold, ItemFold, _limits), *items = SLOT(fold, ItemFold, _items), *more;
    int done;
    if (PyList_GET_SIZE(items) < hot_limit(SLOT(limits, Limits, max_items))) {
        PyObject *copied = hot_snapshot(item, limits);
        done = copied == NULL ? -1 : PyList_Append(items, copied);
        Py_XDECREF(copied);
        return done;
    }
    more = PyLong_FromLongLong(PyLong_AsLongLong(SLOT(fold, ItemFold, _more)) + 1);
    if (more == NULL)
        return -1;
    Py_SETREF(SLOT(fold, ItemFold, _more), more);
    return 0;
}

/* As `Stream.finish`. */
int
hot_finish_stream(PyObject *stream)
{
    PyObject *recording = hot_take(&SLOT(stream, Stream, recording)), *fold = hot_take(&SLOT(stream, Stream, fold)), *value;
    int done = 0;
    hot_set(&SLOT(stream, Stream, steps), Py_None);
    if (fold == Py_None || recording == Py_None)
        value = Py_NewRef(Py_None);
    else if (Py_TYPE(fold) == hot.type.ItemFold && SLOT(fold, ItemFold, _more) == hot.zero)
        value = Py_NewRef(SLOT(fold, ItemFold, _items));
    else {
        value = PyObject_CallMethodNoArgs(fold, hot.fold_value);
        if (value == NULL && (done = hot_contain("fold")) == 0)
            value = Py_NewRef(Py_None);
    }
    if (value != NULL && recording != Py_None)
        done = hot_end(recording, value);
    Py_XDECREF(value);
    Py_DECREF(fold);
    Py_DECREF(recording);
    return done < 0 ? hot_contain("stream") : 0;
}

/* Whether a fold passes an item over, as `is_passed_over`. */
static int
is_passed_over(PyObject *fold, PyObject *item)
{
    PyObject *wanted = _PyType_Lookup(Py_TYPE(fold), hot.wanted);
    if (wanted == NULL || !PyTuple_CheckExact(wanted) || !PyDict_CheckExact(item))
        return PyErr_Occurred() ? -1 : 0;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(wanted); at++) {
        int holds = PyDict_Contains(item, PyTuple_GET_ITEM(wanted, at));
        if (holds)
            return holds < 0 ? -1 : 0;
    }
    return 1;
}

/* Give an item to a fold that a rule names, which may say that it was the last one that counts. */
static int
add_to(PyObject *stream, PyObject *fold, PyObject *item)
{
    int is_over = is_passed_over(fold, item);
    if (is_over)
        return is_over < 0 ? -1 : 0;
    PyObject *answer = PyObject_CallMethodOneArg(fold, hot.add, item);
    int ended = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return ended > 0 ? hot_finish_stream(stream) : ended;
}

/* As `Stream.add`; an exception that is to pass on stays set. */
void
hot_add_item(PyObject *stream, PyObject *item)
{
    PyObject *fold = SLOT(stream, Stream, fold);
    if (fold == Py_None)
        return;
    Py_INCREF(fold);
    if ((Py_TYPE(fold) == hot.type.ItemFold ? add_item(fold, item) : add_to(stream, fold, item)) < 0)
        (void)hot_contain("fold");
    Py_DECREF(fold);
}
