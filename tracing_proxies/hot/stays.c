/* Makes a context current for a stretch, and what was current before afterwards.

   The interpreter keeps a thread's context variables in a map that is never changed: each `set` and each `reset` makes
   another, with two objects that the collector counts. A coroutine that is traced does that with each of its steps, and
   nearly always from the same map to the same. So the maps are kept, and exchanged as long as nobody has set any variable
   meanwhile: a step costs a tenth of what it does by a token. */
#include "parts.h"

/* What a body's steps keep: the map around them, the one within, for which context that is, and for a body around which
   nothing was current the token of its first step. */
typedef struct {
    PyObject_HEAD
    PyObject *outer, *inner, *value, *token;
} Maps;

static int
maps_traverse(Maps *maps, visitproc visit, void *arg)
{
    Py_VISIT(maps->outer);
    Py_VISIT(maps->inner);
    Py_VISIT(maps->value);
    Py_VISIT(maps->token);
    return 0;
}

static int
maps_clear(Maps *maps)
{
    Py_CLEAR(maps->outer);
    Py_CLEAR(maps->inner);
    Py_CLEAR(maps->value);
    Py_CLEAR(maps->token);
    return 0;
}

static void
maps_dealloc(Maps *maps)
{
    PyObject_GC_UnTrack(maps);
    maps_clear(maps);
    Py_TYPE(maps)->tp_free((PyObject *)maps);
}

PyTypeObject MapsType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tracing_proxies._hot.Maps",
    .tp_basicsize = sizeof(Maps),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_traverse = (traverseproc)maps_traverse,
    .tp_clear = (inquiry)maps_clear,
    .tp_dealloc = (destructor)maps_dealloc,
};

#if PY_VERSION_HEX < 0x030E0000 && !defined(Py_GIL_DISABLED)
/* The beginnings of the interpreter's `struct _pycontextobject`, `_pycontextvarobject` and `_pycontexttokenobject`. */
typedef struct {
    PyObject_HEAD
    PyObject *previous, *map;
} ContextView;

typedef struct {
    PyObject_HEAD
    PyObject *name, *standard, *cached; /* the last value that was read, which is the map's */
    uint64_t thread, version;           /* where that holds */
} VariableView;

typedef struct {
    PyObject_HEAD
    PyObject *context;
} TokenView;

static int is_known; /* whether the interpreter's are as above */

static inline ContextView *
present(void)
{
    return is_known ? (ContextView *)PyThreadState_Get()->context : NULL;
}

/* What is known to stand in the present map of the context under a variable; NULL where that has to be looked up. */
static inline PyObject *
cached(VariableView *variable, PyThreadState *thread)
{
    return variable->thread == thread->id && variable->version == thread->context_ver ? variable->cached : NULL;
}

/* Exchange the map of the thread's context, whose reference it gives to the caller for that of the new one. */
static inline PyObject *
exchange(ContextView *context, PyObject *map, PyObject *value)
{
    PyThreadState *thread = PyThreadState_Get();
    VariableView *variable = (VariableView *)hot.variable;
    PyObject *was = context->map;
    context->map = map;
    variable->cached = value;
    variable->thread = thread->id;
    variable->version = thread->context_ver;
    return was;
}

/* Keep both maps for the next step; without memory for that it goes by tokens. */
static void
keep(PyObject *steps, Stay *stay, PyObject *value)
{
    Maps *maps = (Maps *)SLOT(steps, Steps, maps);
    if (maps == NULL) {
        if ((maps = (Maps *)MapsType.tp_alloc(&MapsType, 0)) == NULL) {
            PyErr_Clear();
            return;
        }
        Py_XSETREF(SLOT(steps, Steps, maps), (PyObject *)maps); /* a finaliser may have been here meanwhile */
    }
    Py_INCREF(maps);
    Py_CLEAR(maps->value);
    hot_set(&maps->outer, stay->outer);
    hot_set(&maps->inner, stay->inner);
    /* Where nothing was current, only a token of the same context can leave it so when the body has set something. */
    hot_set(&maps->token, stay->before == NULL ? stay->token : Py_None);
    hot_set(&maps->value, value);
    Py_DECREF(maps);
}

/* The maps that are kept, if they are those to exchange, else NULL. */
static inline Maps *
kept(PyObject *steps, PyObject *value, ContextView *context, PyObject *before)
{
    Maps *maps = steps == NULL ? NULL : (Maps *)SLOT(steps, Steps, maps);
    if (maps == NULL || maps->value != value || maps->outer != context->map)
        return NULL;
    int is_so = before != NULL ? maps->token == Py_None
                               : maps->token != Py_None && ((TokenView *)maps->token)->context == (PyObject *)context;
    return is_so ? maps : NULL;
}

int
hot_begin_stay(Stay *stay, PyObject *value, PyObject *steps)
{
    ContextView *context = present();
    memset(stay, 0, sizeof(*stay));
    if (context == NULL)
        return (stay->token = hot_attach(value)) == NULL ? -1 : 0;
    stay->before = cached((VariableView *)hot.variable, PyThreadState_Get());
    stay->context = Py_NewRef((PyObject *)context);
    Maps *maps = kept(steps, value, context, stay->before);
    if (maps != NULL) {
        if (stay->before == NULL)
            stay->token = Py_NewRef(maps->token);
        stay->inner = Py_NewRef(maps->inner);
        stay->outer = exchange(context, Py_NewRef(stay->inner), value);
        return 0;
    }
    stay->outer = Py_NewRef(context->map);
    if ((stay->token = hot_attach(value)) == NULL) {
        Py_CLEAR(stay->outer);
        Py_CLEAR(stay->context);
        return -1;
    }
    stay->inner = Py_NewRef(context->map);
    if (steps != NULL)
        keep(steps, stay, value);
    return 0;
}

void
hot_forget_maps(PyObject *steps)
{
    Maps *maps = (Maps *)SLOT(steps, Steps, maps);
    if (maps != NULL)
        Py_CLEAR(maps->value);
}

/* Whether the thread's context is still that in which it began. */
static inline int
is_same(Stay *stay, ContextView *context)
{
    return context != NULL && (PyObject *)context == stay->context;
}

int
hot_is_unchanged(Stay *stay)
{
    ContextView *context = present();
    return is_same(stay, context) && context->map == stay->inner;
}

int
hot_end_stay(Stay *stay)
{
    ContextView *context = present();
    int done = 0;
    if (hot_is_unchanged(stay)) {
        PyObject *inner = exchange(context, stay->outer, stay->before);
        stay->outer = NULL;
        Py_DECREF(inner);
        Py_XDECREF(stay->token);
    }
    else if (stay->token != NULL)
        done = hot_detach(stay->token);
    else if (is_same(stay, context)) { /* the body has set some variable, which stays set */
        PyObject *token = hot_attach(stay->before);
        Py_XDECREF(token);
        done = token == NULL ? -1 : 0;
    }
    Py_XDECREF(stay->outer);
    Py_XDECREF(stay->inner);
    Py_XDECREF(stay->context);
    return done;
}

static inline int
is_map(PyObject *object)
{
    return object != NULL && strcmp(Py_TYPE(object)->tp_name, "hamt") == 0;
}

/* Whether the maps are where they are taken to be: setting a variable in a context of its own shows it. */
static int
shows_maps(PyObject *variable, ContextView *context)
{
    VariableView *seen = (VariableView *)variable;
    PyThreadState *thread = PyThreadState_Get();
    if (thread->context != (PyObject *)context || !is_map(context->map))
        return 0;
    PyObject *before = Py_NewRef(context->map), *token = PyContextVar_Set(variable, Py_True);
    int is_so = token != NULL && is_map(context->map) && context->map != before && seen->standard == Py_False &&
        ((TokenView *)token)->context == (PyObject *)context && seen->cached == Py_True &&
        seen->thread == thread->id && seen->version == thread->context_ver;
    Py_XDECREF(token);
    Py_DECREF(before);
    return is_so;
}

int
hot_find_maps(void)
{
    PyObject *variable = PyContextVar_New("tracing_proxies", Py_False), *context = PyContext_New();
    is_known = 0;
    if (variable != NULL && context != NULL && PyContext_Enter(context) == 0) {
        is_known = shows_maps(variable, (ContextView *)context);
        PyContext_Exit(context);
    }
    Py_XDECREF(context);
    Py_XDECREF(variable);
    return PyErr_Occurred() ? -1 : 0;
}
#else
int
hot_find_maps(void)
{
    return 0;
}

int
hot_begin_stay(Stay *stay, PyObject *value, PyObject *steps)
{
    return (stay->token = hot_attach(value)) == NULL ? -1 : 0;
}

void
hot_forget_maps(PyObject *steps)
{
}

int
hot_end_stay(Stay *stay)
{
    return hot_detach(stay->token);
}

int
hot_is_unchanged(Stay *stay)
{
    return 0;
}
#endif
