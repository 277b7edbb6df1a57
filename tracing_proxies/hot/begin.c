/* Starts the span of a call below another span, or as the first of its trace where everything is kept, as
   `Recorder.begin` and `Placement.begin` do, which have the rest. */
#include "parts.h"

PyObject *
hot_instance(Call *call)
{
    return call->bound && call->nargs ? PyTuple_GET_ITEM(call->args, 0) : Py_None;
}

PyObject *
hot_rest(Call *call)
{
    return call->bound && call->nargs ? PyTuple_GetSlice(call->args, 1, call->nargs) : Py_NewRef(call->args);
}

PyObject *
hot_keywords(Call *call)
{
    return call->kwargs != NULL ? Py_NewRef(call->kwargs) : PyDict_New();
}

/* Whether a call joins the span above instead of making its own (nested: merge). */
static int
is_joined(Span *parent, Call *call)
{
    PyObject *instance = hot_instance(call);
    if (instance == Py_None || parent->function == SLOT(call->point, JoinPoint, function) ||
        PyLong_AsVoidPtr(parent->instance_id) != (void *)instance)
        return 0;
    return hot_is_text(SLOT(parent->recipe, Recipe, function), SLOT(call->recipe, Recipe, function));
}

/* Give the arguments of a call the names of its parameters. */
PyObject *
hot_bind(Call *call)
{
    PyObject *rest = hot_rest(call), *keywords = hot_keywords(call), *bound = NULL;
    if (rest != NULL && keywords != NULL)
        bound = PyObject_CallFunctionObjArgs(SLOT(call->recipe, Recipe, bind), rest, keywords, NULL);
    Py_XDECREF(rest);
    Py_XDECREF(keywords);
    return bound;
}

/* Copy what was passed onto a span. `held_up` is when that began, where it takes longer than a look. */
static int
capture(Span *span, Call *call, long long *held_up)
{
    PyObject *limits = SLOT(call->recipe, Recipe, limits), *rest = hot_rest(call), *copied = NULL;
    int named = call->kwargs != NULL && PyDict_GET_SIZE(call->kwargs) > 0, done = -1;
    if (rest == NULL)
        return -1;
    copied = hot_flat_copy(rest, limits);
    if (copied == NULL)
        goto end;
    if (copied != Py_None && (!named || hot_is_flat(call->kwargs, limits))) {
        hot_set(&span->arguments, hot_inert(copied));
        done = named ? hot_put(&span->keywords, hot_inert(PyDict_Copy(call->kwargs))) : 0;
        goto end;
    }
    *held_up = hot_now();
    PyObject *bound = hot_bind(call);
    if (bound == NULL)
        goto end;
    done = hot_put(&span->_input, hot_kept(bound, limits));
    Py_DECREF(bound);
end:
    Py_XDECREF(copied);
    Py_DECREF(rest);
    return done;
}

/* Make the trace of a first call, or find its parent's; NULL without an exception where that is not for here. */
static Trace *
place(Call *call, Span *parent, PyObject *name)
{
    Trace *trace;
    if (parent == NULL) {
        trace = call->chosen != NULL ? (Trace *)Py_NewRef((PyObject *)call->chosen) : hot_new_trace();
        if (trace == NULL || (call->chosen == NULL && hot_put(&trace->trace_id, hot_random_bits(128)) < 0)) {
            Py_XDECREF(trace);
            return NULL;
        }
        hot_set(&trace->name, name);
        hot_set(&trace->room, SLOT(call->recipe, Recipe, room));
        return trace;
    }
    trace = (Trace *)parent->trace;
    if (Py_TYPE(trace) != hot.type.Trace)
        return NULL;
    if (trace->room != Py_None) {
        Py_ssize_t room = PyLong_AsSsize_t(trace->room);
        if (room <= 0 || hot_put(&trace->room, PyLong_FromSsize_t(room - 1)) < 0)
            return NULL;
    }
    return (Trace *)Py_NewRef(trace);
}

/* Tell a trace what to add to the monotonic clock to get the wall clock's. */
static int
tell_time(Trace *trace, PyObject *start)
{
    PyObject *wall = PyObject_CallNoArgs(hot.wall_clock);
    int done = wall == NULL ? -1 : hot_put(&trace->offset, PyNumber_Subtract(wall, start));
    Py_XDECREF(wall);
    return done;
}

static PyObject *
make(Call *call, Span *parent)
{
    PyObject *recipe = call->recipe, *name = SLOT(recipe, Recipe, constant_name), *own = NULL;
    long long start, held_up = 0;
    if (name == Py_None)
        name = hot.empty;
    Trace *trace = place(call, parent, name);
    if (trace == NULL)
        return NULL;
    Span *span = hot_new_span();
    if (span == NULL)
        goto fail;
    span->recorder = Py_NewRef(call->recorder);
    span->recipe = Py_NewRef(recipe);
    span->trace = Py_NewRef(trace);
    hot_set(&span->function, SLOT(call->point, JoinPoint, function));
    hot_set(&span->name, name);
    hot_set(&span->type, SLOT(recipe, Recipe, observation));
    if (hot_put(&span->span_id, hot_random_bits(64)) < 0 ||
        hot_put(&span->instance_id, PyLong_FromVoidPtr(hot_instance(call))) < 0)
        goto fail;
    if (parent != NULL) {
        hot_set(&span->parent, (PyObject *)parent);
        hot_set(&span->app_root, Py_False);
        hot_set(&span->parent_id, parent->span_id);
        hot_set(&span->weight, trace->weight);
        hot_set(&span->foreign, parent->foreign);
    }
    if (PyUnicode_GET_LENGTH(SLOT(recipe, Recipe, library))) {
        hot_set(&span->library, SLOT(recipe, Recipe, library));
        own = hot.OWN_KEY;
    }
    if (hot_put(&span->context, hot_with(call->context, hot.SPAN_KEY, (PyObject *)span, own, (PyObject *)span)) < 0)
        goto fail;
    if (SLOT(recipe, Recipe, capture_input) == Py_True && trace->payload == Py_True &&
        capture(span, call, &held_up) < 0)
        goto fail;
    if (PyDict_SetItem(SLOT(call->recorder, Recorder, open), span->span_id, (PyObject *)span) < 0)
        goto fail;
    start = hot_now();
    if (hot_put(&span->start, PyLong_FromLongLong(start)) < 0)
        goto fail;
    if (held_up && hot_complain(call->recorder, recipe, start - held_up) < 0)
        goto fail;
    if (parent == NULL && tell_time(trace, span->start) < 0)
        goto fail;
    Py_DECREF(trace);
    return (PyObject *)span;
fail:
    Py_DECREF(trace);
    Py_XDECREF(span);
    return NULL;
}

/* Our span that is current around a call, or of which another library has made a copy current: a new reference; NULL
   where there is none, which is an error only with an exception. */
static Span *
find_parent(Call *call)
{
    PyObject *above = call->above, *context, *valid, *id, *found = NULL;
    if (above == NULL)
        return NULL;
    if (Py_TYPE(above) == hot.type.Span)
        return (Span *)Py_NewRef(above);
    if ((PyObject *)Py_TYPE(above) != hot.NonRecordingSpan)
        return NULL;
    context = PyObject_CallMethodNoArgs(above, hot.get_span_context);
    if (context == NULL)
        return NULL;
    valid = PyObject_GetAttr(context, hot.is_valid);
    id = valid == Py_True ? PyObject_GetAttr(context, hot.span_id) : NULL;
    if (id != NULL)
        found = Py_XNewRef(PyDict_GetItemWithError(SLOT(call->recorder, Recorder, open), id));
    Py_XDECREF(id);
    Py_XDECREF(valid);
    Py_DECREF(context);
    /* What recording takes of a trace that is measured is told of the span that is current. */
    if (found != NULL && (Py_TYPE(found) != hot.type.Span || ((Span *)found)->trace == NULL ||
                          Py_TYPE(((Span *)found)->trace) != hot.type.Trace ||
                          ((Trace *)((Span *)found)->trace)->timed != Py_False))
        Py_CLEAR(found);
    return (Span *)found;
}

/* Whether a call is left out by its own rule, now and then or always. */
static int
is_thinned(PyObject *recipe)
{
    PyObject *sample = SLOT(recipe, Recipe, sample);
    return SLOT(recipe, Recipe, rate) != Py_None || !PyFloat_CheckExact(sample) || PyFloat_AS_DOUBLE(sample) < 1.0;
}

/* What paths read of a call, whose outcome is not known yet. */
PyObject *
hot_new_scope(PyObject *recipe, PyObject *instance, PyObject *positional, PyObject *bound)
{
    PyObject *scope = hot.type.CallScope->tp_alloc(hot.type.CallScope, 0);
    if (scope == NULL)
        return NULL;
    SLOT(scope, CallScope, function) = Py_NewRef(SLOT(recipe, Recipe, function));
    SLOT(scope, CallScope, self) = Py_NewRef(instance);
    SLOT(scope, CallScope, positional) = Py_NewRef(positional);
    SLOT(scope, CallScope, args) = Py_NewRef(bound);
    SLOT(scope, CallScope, result) = Py_NewRef(hot.MISSING);
    SLOT(scope, CallScope, error) = Py_NewRef(hot.MISSING);
    return scope;
}

/* As `CallScope.forget`, unless the end of the call is going to ask for more than its outcome. */
void
hot_forget_call(PyObject *recipe, PyObject *scope)
{
    if (scope == Py_None || IS_SET(recipe, Recipe, remembers))
        return;
    hot_set(&SLOT(scope, CallScope, self), Py_None);
    hot_set(&SLOT(scope, CallScope, positional), hot.nothing);
    hot_set(&SLOT(scope, CallScope, args), hot.no_keywords);
}

PyObject *
hot_scope_of(Call *call, PyObject *bound)
{
    PyObject *rest = hot_rest(call), *scope = NULL;
    if (rest != NULL)
        scope = hot_new_scope(call->recipe, hot_instance(call), rest, bound);
    Py_XDECREF(rest);
    return scope;
}

/* Make the span of a call whose rule reads more of it, below another or as the first of its trace. */
static PyObject *
make_read(Call *call, Span *above, Trace *trace, PyObject *scope, PyObject *bound, int is_first)
{
    PyObject *recipe = call->recipe, *own = NULL, *told;
    Span *span = hot_new_span();
    if (span == NULL)
        return NULL;
    span->recorder = Py_NewRef(call->recorder);
    span->recipe = Py_NewRef(recipe);
    span->trace = Py_NewRef(trace);
    if (hot_put(&span->start, PyLong_FromLongLong(hot_now())) < 0 || hot_put(&span->span_id, hot_random_bits(64)) < 0 ||
        hot_put(&span->instance_id, PyLong_FromVoidPtr(hot_instance(call))) < 0)
        goto fail;
    if (is_first && tell_time(trace, span->start) < 0)
        goto fail;
    if (!is_first) {
        hot_set(&span->parent, (PyObject *)above);
        hot_set(&span->parent_id, above->span_id);
        hot_set(&span->app_root, Py_False);
        hot_set(&span->weight, trace->weight);
    }
    if (above != NULL)
        hot_set(&span->foreign, above->foreign);
    hot_set(&span->function, SLOT(call->point, JoinPoint, function));
    hot_set(&span->scope, scope);
    hot_set(&span->library, SLOT(recipe, Recipe, library));
    if (PyUnicode_GET_LENGTH(span->library))
        own = hot.OWN_KEY;
    if (hot_put(&span->context, hot_with(call->context, hot.SPAN_KEY, (PyObject *)span, own, (PyObject *)span)) < 0 ||
        hot_begin_record(span, recipe, scope, bound) < 0)
        goto fail;
    hot_forget_call(recipe, scope);
    if (SLOT(recipe, Recipe, delegate) != Py_None &&
        hot_put(&span->waiting_for, PyObject_CallOneArg(SLOT(recipe, Recipe, delegate), hot_instance(call))) < 0)
        goto fail;
    if (hot_is_text(span->type, hot.generation)) {
        told = PyObject_CallOneArg(hot.demote, (PyObject *)span);
        if (told == NULL)
            goto fail;
        Py_DECREF(told);
    }
    if (PyUnicode_CheckExact(trace->name) && !PyUnicode_GET_LENGTH(trace->name))
        hot_set(&trace->name, span->name);
    if (PyDict_SetItem(SLOT(call->recorder, Recorder, open), span->span_id, (PyObject *)span) < 0)
        goto fail;
    return (PyObject *)span;
fail:
    Py_DECREF(span);
    return NULL;
}

/* The same for a call of which it is asked first whether its rule holds. */
static PyObject *
place_read(Call *call, Span *above, int is_first)
{
    PyObject *recipe = call->recipe, *bound = NULL, *scope = NULL, *made = NULL;
    int needs_scope = IS_SET(recipe, Recipe, needs_scope), holds = 1;
    long long before = hot_now();
    Trace *trace = place(call, is_first ? NULL : above, hot.empty);
    if (trace == NULL)
        return NULL;
    if (is_first && above != NULL) /* it goes on with the conversation of the one within which it begins */
        hot_set(&trace->session, ((Trace *)above->trace)->session);
    bound = needs_scope || SLOT(recipe, Recipe, capture_input) == Py_True ? hot_bind(call) : Py_NewRef(Py_None);
    if (bound != NULL)
        scope = needs_scope ? hot_scope_of(call, bound) : Py_NewRef(Py_None);
    if (scope != NULL && needs_scope && SLOT(recipe, Recipe, condition) != Py_None)
        holds = hot_holds(SLOT(recipe, Recipe, condition), scope);
    if (scope != NULL && holds >= 0)
        made = holds ? make_read(call, above, trace, scope, bound, is_first) : Py_NewRef(Py_None);
    Py_XDECREF(scope);
    Py_XDECREF(bound);
    Py_DECREF(trace);
    if (made != NULL && hot_complain(call->recorder, recipe, hot_now() - before) < 0)
        Py_CLEAR(made);
    return made;
}

/* Start a span below another of ours; NULL without an exception where that is not for here. */
static PyObject *
begin_below(Call *call, Span *parent)
{
    PyObject *recipe = call->recipe;
    int is_plain = IS_SET(recipe, Recipe, is_plain), is_root = IS_SET(recipe, Recipe, root);
    if (parent->waiting_for == SLOT(call->point, JoinPoint, function))
        return hot_adopt(call, parent);
    if (parent->trace == NULL || parent->recipe == NULL || Py_TYPE(parent->recipe) != hot.type.Recipe ||
        (is_plain ? parent->waiting_for != Py_None || (PyObject *)parent != call->above
                  : is_thinned(recipe)))
        return NULL;
    if (is_root && (SLOT(call->recorder, Recorder, tail) != Py_None || Py_TYPE(parent->trace) != hot.type.Trace))
        return NULL;
    if (!hot_is_text(SLOT(recipe, Recipe, nested), hot.child)) {
        if (!hot_is_text(SLOT(recipe, Recipe, nested), hot.merge))
            return NULL;
        if (is_joined(parent, call))
            Py_RETURN_NONE;
    }
    return is_plain ? make(call, parent) : place_read(call, parent, is_root);
}

/* Start the first span of a trace that the sampler records. */
PyObject *
hot_begin_first(Call *call, Trace *trace)
{
    call->chosen = trace;
    PyObject *made = IS_SET(call->recipe, Recipe, is_plain) ? make(call, NULL) : place_read(call, NULL, 1);
    call->chosen = NULL;
    return made;
}

/* Start a span here; NULL without an exception where that is not for here, with the id of its trace if that has been
   drawn. */
static PyObject *
begin_here(Call *call, PyObject **trace_id)
{
    PyObject *recipe = call->recipe, *made;
    int is_left_out = call->above != NULL && (PyObject *)Py_TYPE(call->above) == hot.Unrecorded;
    if (is_left_out && !IS_SET(recipe, Recipe, root))
        return hot_begin_unrecorded(call);
    if (call->above == NULL || is_left_out) {
        if (SLOT(call->recorder, Recorder, tail) == Py_None) {
            if (IS_SET(recipe, Recipe, is_plain))
                return make(call, NULL);
            return is_left_out || is_thinned(recipe) ? NULL : place_read(call, NULL, 1);
        }
        return hot_begin_by_plan(call, trace_id);
    }
    Span *parent = find_parent(call);
    if (parent == NULL)
        return NULL;
    made = begin_below(call, parent);
    Py_DECREF(parent);
    return made;
}

/* The trace of a span, if it is measured what recording it takes: borrowed. */
static Trace *
timed_trace(PyObject *above)
{
    if (above == NULL || Py_TYPE(above) != hot.type.Span || ((Span *)above)->trace == NULL)
        return NULL;
    Trace *trace = (Trace *)((Span *)above)->trace;
    return Py_TYPE(trace) == hot.type.Trace && trace->timed == Py_True ? trace : NULL;
}

/* Start the span of a call, or what only counts it.

   trace_id: of the trace that begins, where it has been drawn already; else NULL.
   Returns what the call's end is to be told, None for a call that passes through untraced, NULL with an exception. */
PyObject *
hot_begin(Call *call, PyObject *trace_id)
{
    Trace *timed = timed_trace(call->above);
    long long before = timed == NULL ? 0 : hot_cpu_now();
    PyObject *drawn = Py_XNewRef(trace_id), *begun = begin_here(call, &drawn), *rest, *keywords;
    if (begun != NULL) {
        if (timed != NULL && hot_spend(timed, before) < 0 && hot_contain("begin") < 0)
            Py_CLEAR(begun);
        goto end;
    }
    if (PyErr_Occurred()) {
        begun = hot_contain("begin") < 0 ? NULL : Py_NewRef(Py_None);
        goto end;
    }
    rest = hot_rest(call);
    keywords = hot_keywords(call);
    if (rest != NULL && keywords != NULL)
        begun = PyObject_CallFunctionObjArgs(
            SLOT(call->point, JoinPoint, begin), call->recipe, SLOT(call->point, JoinPoint, function),
            hot_instance(call), rest, keywords, call->context, call->above == NULL ? Py_None : call->above,
            drawn == NULL ? hot.zero : drawn, NULL);
    Py_XDECREF(rest);
    Py_XDECREF(keywords);
end:
    Py_XDECREF(drawn);
    return begun;
}
