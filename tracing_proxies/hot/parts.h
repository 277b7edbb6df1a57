/* What the parts of the compiled hot path share. */
#ifndef TRACING_PROXIES_HOT
#define TRACING_PROXIES_HOT

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <time.h>

/* What a span carries: name, and the value that it has as long as nobody sets it (NULL: none). What was copied of a call
   is made readable when it is read. */
#define SPAN_COPIES(F) F(_input, Py_None) F(output, Py_None) F(_metadata, Py_None) F(usage, Py_None)
#define SPAN_FIELDS(F)                                                                                                 \
    F(context, NULL) F(recipe, NULL) F(recorder, NULL) F(trace, NULL) F(span_id, NULL) F(start, NULL)                  \
    F(scope, Py_None) F(parent, Py_None) F(parent_id, Py_None) F(app_root, Py_True) F(weight, hot.one)                 \
    F(arguments, Py_None) F(keywords, Py_None) F(name, hot.empty)             \
    F(type, hot.span) F(level, hot.default_level) F(status_message, Py_None) F(model, Py_None)      \
    F(stop, Py_None) F(dropped, Py_None) F(kept_child, Py_False) F(settled, Py_False)                \
    F(waiting_for, Py_None) F(function, Py_None) F(instance_id, hot.zero) F(prepared, Py_None)                         \
    F(events, hot.nothing) F(outer, Py_None) F(foreign, Py_None) F(library, hot.empty)

#define TRACE_FIELDS(F)                                                                                                \
    F(trace_id, NULL) F(offset, NULL) F(weight, hot.one) F(name, hot.empty) F(ended, Py_False) F(session, Py_None)     \
    F(user, Py_None) F(tags, hot.nothing) F(state, Py_None) F(room, Py_None) F(crowd, Py_None) F(payload, Py_True)     \
    F(held, Py_None) F(flags, hot.zero) F(sampled, Py_None) F(timed, Py_False) F(spent, hot.zero)

#define UNRECORDED_FIELDS(F)                                                                                           \
    F(context, NULL) F(recipe, NULL) F(root, NULL) F(parent, Py_None) F(tail, Py_None) F(trace, Py_None)               \
    F(trace_id, hot.zero) F(random, hot.zero) F(state, Py_None) F(refused, Py_False) F(shared, Py_False)               \
    F(flags, hot.zero) F(stubs, hot.zero) F(function, Py_None) F(instance, Py_None) F(instance_id, hot.zero) F(args, hot.nothing)         \
    F(kwargs, hot.no_keywords) F(waiting_for, Py_None) F(start, hot.zero) F(stop, Py_None) F(foreign, Py_None)

#define AS_MEMBER(name, value) PyObject *name;
#define ASIDE PyObject *dict, *weakrefs; /* the first made when it is needed: the interpreter's own would be there at once */
typedef struct {
    PyObject_HEAD
    SPAN_COPIES(AS_MEMBER)
    SPAN_FIELDS(AS_MEMBER)
    ASIDE
    int is_touched; /* whether an attribute has been set from elsewhere, which may hold anything */
} Span;

typedef struct {
    PyObject_HEAD
    TRACE_FIELDS(AS_MEMBER)
    ASIDE
} Trace;

typedef struct {
    PyObject_HEAD
    UNRECORDED_FIELDS(AS_MEMBER)
    ASIDE
} Unrecorded;

/* The slots of classes that are written in Python, read past their descriptors. */
#define SLOTS(S)                                                                                                       \
    S(WovenFunction, _self_tp) S(JoinPoint, function) S(JoinPoint, recorder) S(JoinPoint, skip) S(JoinPoint, tally)    \
    S(JoinPoint, lazy) S(JoinPoint, bound) S(JoinPoint, call) S(JoinPoint, recipe) S(JoinPoint, begin)                 \
    S(JoinPoint, begin_later) S(Recorder, tail) S(Recorder, forced) S(Recorder, observers) S(Recorder, traces)         \
    S(Recorder, open) S(Recorder, patience) S(Recorder, emit) S(Tally, _pending) S(Tally, slow) S(Tally, seen)         \
    S(Tally, has_namesakes) S(Tally, target) S(Tail, roots) S(Tail, _clock) S(Tail, _due) S(Tail, _least) S(Tail, _rare_after)          \
    S(Tail, _skipped) S(Tail, _below) S(Tail, _begun) S(Tail, _alarm) S(Tail, _plan) S(Tail, controller)               \
    S(Tail, _least_capture) S(Tail, undecided) S(Tail, keeps_slow) S(Tail, conditions) S(Tail, emit) S(Tail, _ended)   \
    S(Held, trace) S(Held, recorded) S(Held, random) S(Held, begun)                                                    \
    S(Held, critical) S(Held, rare) S(Held, partial) S(Held, fixed) S(Held, error) S(Held, least) S(Held, weighed)     \
    S(Held, tail) S(Held, spans) S(Held, verdict) S(Held, root_id) S(Adoption, span) S(Adoption, context) S(Adoption, recipe)          \
    S(Adoption, scope) S(Adoption, start)

#define SLOTS_OF_OUTCOME(S)                                                                                            \
    S(Recipe, never) S(Recipe, is_plain) S(Recipe, counts_alone) S(Recipe, fold) S(Recipe, nested)                     \
    S(Recipe, library) S(Recipe, constant_name) S(Recipe, observation) S(Recipe, capture_input)                        \
    S(Recipe, capture_output) S(Recipe, limits) S(Recipe, tally) S(Recipe, bind) S(Recipe, room) S(Recipe, function)   \
    S(Recipe, error_when) S(Recipe, names) S(Recipe, has_flat_defaults) S(Recipe, masking) S(Recipe, name)             \
    S(Recipe, input) S(Recipe, output) S(Recipe, metadata) S(Recipe, late_metadata) S(Recipe, outcome)                 \
    S(Recipe, session) S(Recipe, user) S(Recipe, tags) S(Recipe, usage) S(Recipe, model) S(Recipe, level)              \
    S(Recipe, status_message) S(Recipe, min_duration) S(Recipe, root) S(Recipe, rate) S(Recipe, sample)                \
    S(Recipe, needs_scope) S(Recipe, condition) S(Recipe, delegate) S(Recipe, judges_call) S(Recipe, critical)         \
    S(Recipe, remembers) S(CallScope, function) S(CallScope, self)                                                                          \
    S(CallScope, positional) S(CallScope, args) S(CallScope, result) S(CallScope, error) S(CapturePath, _value)        \
    S(Template, parts)

#define SLOTS_OF_STEPS(S)                                                                                              \
    S(Steps, inner) S(Steps, outer) S(Steps, span) S(Steps, maps) S(Stream, started) S(Stream, steps) S(Stream, left)                 \
    S(Stream, fold) S(Stream, opener) S(Stream, recipe) S(Stream, recording) S(StandIn, _tp_wrapped)                   \
    S(StandIn, _tp_state) S(ItemFold, _limits) S(ItemFold, _items) S(ItemFold, _more)

#define SLOTS_OF_CLOSER(S)                                                                                             \
    S(CloserLook, _clock) S(CloserLook, _delegating) S(CloserLook, _names) S(CloserLook, _traces)                      \
    S(CloserLook, gathered) S(CloserLook, glance) S(Gathering, _counts) S(Gathering, _sizes)                           \
    S(Below, tools) S(Below, agents) S(Below, busy) S(Below, collaborations)                                           \
    S(OpenTrace, touched) S(OpenTrace, below) S(OpenTrace, ended)

#define SLOTS_OF_CONTENTS(S)                                                                                           \
    S(SpanContents, _delegating) S(SpanContents, _lock) S(SpanContents, _look) S(RLock, acquire) S(RLock, release)

#define SLOTS_OF_JUDGING(S)                                                                                            \
    S(Key, share) S(Key, arrived) S(Key, looked) S(Key, spans) S(Key, slow) S(Key, seen) S(Key, seen_calls)            \
    S(Key, _mean) S(Key, _measured) S(Key, _deviation) S(Keys, _keys) S(Keys, looked) S(Commitment, spans)             \
    S(Commitment, _lasting) S(Commitment, _ended) S(Costs, export) S(Costs, skeleton) S(Costs, payload)

#define SLOTS_OF_LIMITS(S) S(Limits, max_bytes) S(Limits, max_items) S(Limits, max_depth)

/* What the Python side lends. */
#define LENT(L)                                                                                                        \
    L(Context) L(Unrecorded) L(root_of) L(end_unrecorded) L(UNSAMPLED) L(LEFT_OUT_CONTEXT) L(RELEASED) L(SPAN_KEY)     \
    L(OWN_KEY) L(ROOT_KEY) L(continues) L(proceed_with) L(proceed_generator) L(go_on) L(clock) L(wall_clock)                      \
    L(NonRecordingSpan) L(demote) L(proceed_async_generator) L(proceed_coroutine) L(drive) L(getattribute)             \
    L(wrapt_getattribute)                                                                                              \
    L(wrapt_wrapped) L(not_functions)

#define LENT_TO_STEPS(L) L(variable) L(contain)

#define LENT_TO_CAPTURE(L)                                                                                             \
    L(learned) L(textual) L(enumeration) L(take_snapshot) L(default_limits) L(left_out) L(too_deep) L(cycle)           \
    L(cut_text) L(note_rest) L(copy_part) L(name_key) L(defaultdict) L(deque)

#define LENT_TO_WALK(L) L(GONE) L(too_large) L(failed_to_mask) L(hidden)

#define LENT_TO_READING(L) L(MISSING) L(read_field) L(readers)

#define LENT_TO_LOGIC(L) L(truth) L(equal) L(contains)

#define LENT_TO_OUTCOME(L)                                                                                             \
    L(render) L(text) L(side) L(describe_returned_error) L(write_beginning) L(write_end)

#define LENT_TO_PREPARE(L) L(Observation) L(NOTHING) L(dumps) L(to_json)

#define LENT_TO_STRETCH(L) L(weigh) L(getsizeof)

#define LENT_TO_JUDGING(L) L(Verdict) L(KEPT) L(FORGOTTEN)

#define LENT_TO_CLOSER(L) L(join) L(length)

#define LENT_TO_ENCODE(L)                                                                                              \
    L(write_span) L(common_part) L(tags_part) L(usage_text) L(to_attribute) L(to_bytes) L(any_attribute)

#define AS_OFFSET(class, name) Py_ssize_t class##_##name;
#define AS_CLASS(name) PyTypeObject *name;
#define CLASSES(C)                                                                                                     \
    C(WovenFunction) C(JoinPoint) C(Recorder) C(Tally) C(Tail) C(Held) C(Adoption) C(TracedGenerator)                  \
    C(TracedAsyncGenerator)
#define CLASSES_OF_OUTCOME(C) C(Recipe) C(Span) C(Trace) C(CallScope) C(CapturePath) C(Template)
#define CLASSES_OF_CLOSER(C) C(CloserLook) C(Gathering) C(Below) C(OpenTrace)
#define CLASSES_OF_CONTENTS(C) C(SpanContents) C(RLock)
#define CLASSES_OF_JUDGING(C) C(Key) C(Keys) C(Commitment) C(Costs)
#define AS_LENT(name) PyObject *name;
typedef struct {
    PyObject *one, *zero, *empty, *span, *default_level, *error_level, *nothing, *child, *merge;
    PyObject *end_counted, *end_judged, *finish, *fail, *relieve, *decide, *end_trace, *add, *append, *leave_out, *impatient, *close, *context, *value;
    PyObject *wanted, *start, *move, *throw, *abandon, *ag_frame, *gi_frame, *send, *begin, *hold, *recall, *end, *enter, *exit, *close_body, *anext, *end_step, *drop, *fold_value, *prepared;
    PyObject *own, *class_name, *own_dict, *next;
    PyObject *function, *no_keywords, *finish_originally, *plan, *record, *commitment, *most, *unsure, *learning, *caller, *popitem, *unweighed, *keys, *costs, *let_in, *press_from, *clock_name, *share, *popleft, *conclude, *note_ended, *wake, *dict, *module, *setattr, *abandoned;
    PyObject *nodes, *entry, *learn_entry, *mask_pair, *mask_value, *capital_value;
    PyObject *arranged, *mask, *learn, *learn_text, *by_key;
    PyObject *status_message, *model, *user_id, *session_id;
    PyObject *add_tags, *kept_child, *get, *is_valid, *span_id, *get_span_context, *generation, *sampled;
    struct {
        SLOTS(AS_OFFSET) SLOTS_OF_OUTCOME(AS_OFFSET) SLOTS_OF_STEPS(AS_OFFSET) SLOTS_OF_LIMITS(AS_OFFSET)
        SLOTS_OF_CLOSER(AS_OFFSET) SLOTS_OF_CONTENTS(AS_OFFSET) SLOTS_OF_JUDGING(AS_OFFSET)
    } at;
    struct {
        CLASSES(AS_CLASS) CLASSES_OF_OUTCOME(AS_CLASS) CLASSES_OF_CLOSER(AS_CLASS) CLASSES_OF_CONTENTS(AS_CLASS) CLASSES_OF_JUDGING(AS_CLASS) AS_CLASS(Steps) AS_CLASS(Stream) AS_CLASS(StandIn) AS_CLASS(ItemFold) AS_CLASS(Limits)
    } type;
    LENT(AS_LENT)
    LENT_TO_STEPS(AS_LENT)
    LENT_TO_CAPTURE(AS_LENT)
    LENT_TO_READING(AS_LENT)
    LENT_TO_LOGIC(AS_LENT)
    LENT_TO_OUTCOME(AS_LENT)
    LENT_TO_PREPARE(AS_LENT)
    LENT_TO_WALK(AS_LENT)
    LENT_TO_ENCODE(AS_LENT)
    LENT_TO_STRETCH(AS_LENT)
    LENT_TO_CLOSER(AS_LENT)
    LENT_TO_JUDGING(AS_LENT)
    getattrofunc read_attribute; /* of wrapt's proxies, NULL where that is not C */
    getattrofunc read_hooked;    /* of woven functions, as the interpreter finds it, */
    setattrofunc set_hooked;     /* and how they would be set */
    richcmpfunc compare_hooked;  /* and compared */
    PyGetSetDef *raw;            /* how what a wrapt proxy wraps is read, NULL where that is not C */
    int bound;
} Hot;

extern Hot hot;
extern PyTypeObject SpanFields, TraceFields, UnrecordedFields, Advised, StepType, OpeningType, ReadingType, DirectType,
    JudgementType, MapsType, EntryType, PendingType, CopiedType, InletType, CarriedType, GlanceType,
    WatchedType, MessageType, AsideType, ForwardType;

#define SLOT(object, class, name) (*(PyObject **)((char *)(object) + hot.at.class##_##name))

/* Whether a slot that holds True or False holds True. */
#define IS_SET(object, class, name) (SLOT(object, class, name) == Py_True)

/* Give a new reference away to a field; -1 if there is none, as an error is set. */
static inline int
hot_put(PyObject **field, PyObject *value)
{
    if (value == NULL)
        return -1;
    Py_XSETREF(*field, value);
    return 0;
}

/* A number of Python's, which is a float as a rule. */
static inline double
hot_number(PyObject *object)
{
    return PyFloat_CheckExact(object) ? PyFloat_AS_DOUBLE(object) : PyFloat_AsDouble(object);
}

/* Let a field hold another object. */
static inline void
hot_set(PyObject **field, PyObject *value)
{
    PyObject *was = *field;
    *field = Py_NewRef(value);
    Py_XDECREF(was);
}

/* Take a field's value out of it, which leaves None. */
static inline PyObject *
hot_take(PyObject **field)
{
    PyObject *taken = *field;
    *field = Py_NewRef(Py_None);
    return taken;
}

/* A bound, as a number that anything can be compared with. */
static inline Py_ssize_t
hot_limit(PyObject *value)
{
    Py_ssize_t found = PyLong_AsSsize_t(value);
    if (found == -1 && PyErr_Occurred()) { /* larger than any memory */
        PyErr_Clear();
        return PY_SSIZE_T_MAX;
    }
    return found;
}

/* Let the collector pass by a container that holds only texts, numbers and such containers. */
static inline PyObject *
hot_inert(PyObject *container)
{
    if (container != NULL)
        PyObject_GC_UnTrack(container);
    return container;
}

static inline int
hot_is_text(PyObject *value, PyObject *text)
{
    if (value == text || !PyUnicode_CheckExact(value))
        return value == text;
    /* Most are of another length, which takes a tenth of the time; before 3.12 some do not know theirs yet. */
    return (!PyUnicode_IS_COMPACT(value) || PyUnicode_GET_LENGTH(value) == PyUnicode_GET_LENGTH(text)) &&
        PyUnicode_Compare(value, text) == 0;
}

static inline int
hot_is_error(Span *span)
{
    return span->level != hot.default_level && hot_is_text(span->level, hot.error_level);
}

/* Whether a number is so small that it is no secret, as `look_through` of masking/known.py. */
static inline int
hot_is_small(PyObject *number, int is_labelled)
{
    if (PyFloat_CheckExact(number)) {
        double value = PyFloat_AS_DOUBLE(number);
        return is_labelled ? -1e6 < value && value < 1e6 : value < 1e12;
    }
    int over;
    long long value = PyLong_AsLongLongAndOverflow(number, &over);
    if (over)
        return over < 0 && !is_labelled;
    return is_labelled ? -1000000 < value && value < 1000000 : value < 1000000000000;
}

/* What came of telling somebody something, whose answer nobody needs: 0, or -1 with an exception. */
static inline int
hot_told(PyObject *answer)
{
    Py_XDECREF(answer);
    return answer == NULL ? -1 : 0;
}

/* Take the exception that is raised, as whoever catches it finds it. */
static inline void
hot_catch(PyObject **type, PyObject **value, PyObject **traceback)
{
    PyErr_Fetch(type, value, traceback);
    PyErr_NormalizeException(type, value, traceback);
    if (*traceback != NULL)
        PyException_SetTraceback(*value, *traceback);
}

/* What a call has come to, its exception raised again after something else was done: unless that has failed itself. */
static inline PyObject *
hot_come_to(PyObject *result, int failed, PyObject *type, PyObject *value, PyObject *traceback)
{
    if (!failed) {
        PyErr_Restore(type, value, traceback);
        return result;
    }
    Py_XDECREF(result);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    return NULL;
}

/* Have what the thread runs from here on seen by no tracer, profiler or debugger of the application's: what we do beside a
   call is nothing that it does. As `PyThreadState_EnterTracing`, which 3.10 lacks. */
static inline void
hot_hide(PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyThreadState_EnterTracing(thread);
#else
    thread->tracing++;
    thread->cframe->use_tracing = 0;
#endif
}

static inline void
hot_show(PyThreadState *thread)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyThreadState_LeaveTracing(thread);
#else
    if (--thread->tracing == 0 && (thread->c_tracefunc != NULL || thread->c_profilefunc != NULL))
        thread->cframe->use_tracing = 255; /* 3.11 takes its bits */
#endif
}

static inline PyThreadState *
hot_hide_thread(void)
{
    PyThreadState *thread = PyThreadState_Get();
    hot_hide(thread);
    return thread;
}

/* One call of a woven function. */
typedef struct {
    PyThreadState *thread; /* which hides what is not the target's own, while the advice runs */
    PyObject *point, *recipe, *recorder, *args, *kwargs;
    PyObject *context, *above; /* what is current, and the span in it: borrowed from the context */
    PyObject *const *vector;   /* the arguments as they came where `args` is NULL, and what else tells of them */
    PyObject *names;
    size_t nargsf;
    Py_ssize_t nargs;
    int bound;
    Trace *chosen; /* the trace that begins with it, where the sampler has made that already: borrowed */
} Call;

/* Find what is current around a call: its context, a new reference, and the span in it. */
static inline int
hot_look_around(Call *call)
{
    if (PyContextVar_Get(hot.variable, NULL, &call->context) < 0)
        return -1;
    call->above = PyDict_GetItemWithError(call->context, hot.SPAN_KEY);
    if (call->above == Py_None)
        call->above = NULL;
    return call->above == NULL && PyErr_Occurred() ? -1 : 0;
}

/* clock.c */
long long hot_now(void);
long long hot_read_clock(clockid_t clock);
long long hot_cpu_now(void);
PyObject *hot_random_bits(int bits);
int hot_seed(PyObject *entropy);
unsigned long long hot_low_bits(PyObject *id);
unsigned long long hot_random_of(PyObject *trace_id);

/* fields.c */
Span *hot_new_span(void);
Trace *hot_new_trace(void);
void hot_settle(Span *span);
PyObject *hot_metadata(Span *span);

/* capture.c */
PyObject *hot_flat_copy(PyObject *items, PyObject *limits);
int hot_is_flat(PyObject *dict, PyObject *limits);
PyObject *hot_kept(PyObject *value, PyObject *limits);
PyObject *hot_snapshot(PyObject *value, PyObject *limits);

/* copied.c */
PyObject *hot_readable(PyObject *kept);
void hot_fold_up(PyObject **field);

/* Whether what is kept cannot be read as it is. */
static inline int
hot_is_kept(PyObject *value)
{
    return Py_TYPE(value) == &CopiedType;
}

int hot_refers_to(PyObject *reference, PyObject *object);

/* logic.c */
int hot_truth(PyObject *value);
PyObject *hot_judge(PyObject *judgement, PyObject *scope);

/* reading.c */
#define LONGEST_RENDERED 200 /* as registry/template.py */
PyObject *hot_read(PyObject *how, PyObject *scope);
PyObject *hot_evaluate(PyObject *value, PyObject *scope);
int hot_holds(PyObject *path, PyObject *scope);

/* outcome.c */
int hot_begin_record(Span *span, PyObject *recipe, PyObject *scope, PyObject *args);
int hot_end_record(Span *span, PyObject *recipe, PyObject *scope, PyObject *result);
PyObject *hot_begin_record_of(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_end_record_of(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* binding.c */
PyObject *hot_names_of_arguments(Span *span);
PyObject *hot_input_of(Span *span);
PyObject *hot_bind_arguments(PyObject *module, PyObject *const *given, Py_ssize_t ngiven);

/* contexts.c */
PyObject *hot_with(PyObject *context, PyObject *key, PyObject *value, PyObject *key2, PyObject *value2);
PyObject *hot_attach(PyObject *context);
int hot_detach(PyObject *token);
PyObject *hot_hold_variable(PyObject *module, PyObject *variable);
PyObject *hot_attach_by_name(PyObject *module, PyObject *context);
PyObject *hot_reset_by_name(PyObject *module, PyObject *token);

/* begin.c */
void hot_forget_call(PyObject *recipe, PyObject *scope);
PyObject *hot_begin(Call *call, PyObject *trace_id);
PyObject *hot_instance(Call *call);
PyObject *hot_rest(Call *call);
PyObject *hot_keywords(Call *call);
PyObject *hot_bind(Call *call);
PyObject *hot_scope_of(Call *call, PyObject *bound);
PyObject *hot_new_scope(PyObject *recipe, PyObject *instance, PyObject *positional, PyObject *bound);

/* adoption.c */
PyObject *hot_adopt(Call *call, Span *span);
int hot_finish_adoption(PyObject *adoption, PyObject *result);

/* finish.c */
int hot_finish(Span *span, PyObject *result);
PyObject *hot_finish_span(Span *span, PyObject *result);
int hot_spend(Trace *trace, long long before);
PyObject *hot_judge_ended(PyObject *tail, PyObject *held, Span *root, double taken);
PyObject *hot_judge_plainly(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
int hot_end_held(Span *root, Trace *trace, PyObject *held);
int hot_is_full(void);
PyObject *hot_begin_first(Call *call, Trace *trace);
PyObject *hot_begin_by_plan(Call *call, PyObject **trace_id);
void hot_take_out(PyObject *tail, PyObject *held);
int hot_is_by_plan(Call *call, PyObject *tail, long long now);
int hot_note_begun(PyObject *tail, PyObject *tally, long long now);
int hot_complain(PyObject *recorder, PyObject *recipe, long long taken);
int hot_count(PyObject *tally, long long taken, int failed);

/* sketch.c */
PyObject *hot_count_durations(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* inlet.c */
int hot_let_in(PyObject *inlet, PyObject *span);

/* stays.c */
/* For how long a context is current. */
typedef struct {
    PyObject *token;         /* with which what was current before is restored; NULL where it can be set */
    PyObject *context;       /* the thread's own, with its map before and the one since; NULL where that is not known */
    PyObject *outer, *inner;
    PyObject *before;        /* what was current, which the outer map holds; NULL where that is not known */
} Stay;

/* Make a context current. The steps are those of a body that comes back to it, NULL for none; -1 with an exception. */
int hot_begin_stay(Stay *stay, PyObject *value, PyObject *steps);
/* Have the next stay of a body begin as its first one. */
void hot_forget_maps(PyObject *steps);
/* Restore what was current before, at most once; -1 with an exception. */
int hot_end_stay(Stay *stay);
/* Whether it is known that nobody has made anything else current, or set another variable, since it began. */
int hot_is_unchanged(Stay *stay);

/* steps.c */
PyObject *hot_in_steps(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_generator_step(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
int hot_enter(PyObject *steps, Stay *stay);
void hot_leave(PyObject *steps, Stay *stay);
int hot_is_bound_to(PyTypeObject *type, PyObject *name, PyCFunction function);
void hot_await_directly(PyTypeObject *type);
void hot_tell_failure(PyObject *stream, PyObject *generator, PyObject *name);
void hot_tell(PyObject *stream, PyObject *method, PyObject *what);

int hot_add_methods(PyObject *module);

/* unrecorded.c */
PyObject *hot_begin_unrecorded(Call *call);
PyObject *hot_leave_out(Call *call, PyObject *tail, PyObject *trace_id, long long now);
int hot_judge_counted(Call *call, long long start, long long stop, PyObject *result);
int hot_end(PyObject *recording, PyObject *result);
int hot_drop_unrecorded(PyObject *recording, PyObject *left);
PyObject *hot_finish_unrecorded(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* advice.c */
PyObject *hot_get_method(PyObject *self, PyObject *instance, PyObject *owner);
PyObject *hot_straighten(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_context_of(PyObject *recording);

/* streams.c */
PyObject *hot_go_on_later(Call *call, PyObject *proceed, PyObject *result);
PyObject *hot_make_steps(PyObject *recording);
PyObject *hot_proceed_coroutine(PyObject *body, PyObject *opening, PyObject *recipe, PyObject *folding);
int hot_start(PyObject *stream);
int hot_finish_stream(PyObject *stream);
void hot_add_item(PyObject *stream, PyObject *item);

/* generators.c */
PyObject *hot_next_item(PyObject *module, PyObject *self);
PyObject *hot_make_methods(PyMethodDef *defined, size_t many);
PyObject *hot_generator_methods(PyObject *module, PyObject *nothing);
void hot_ask_directly(PyTypeObject *type);
PyObject *hot_itself(PyObject *module, PyObject *self);
PyObject *hot_drop(PyObject *module, PyObject *self);

/* known.c */
#define DEEPEST_KNOWN 16
#define MOST_NODES 100000   /* of a walk */
#define MOST_LOOKED_AT 2000 /* parts of a container, which may pass over the bound on the nodes of a walk */
PyObject *hot_leading(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_leaves(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
Py_ssize_t hot_look_through(PyObject *known, PyObject *value);
int hot_leaves_under(PyObject *known, PyObject *name, PyObject *value);

/* masked.c */
typedef struct {
    PyObject *value, *json; /* one of both: what may have to be masked first, or its JSON */
    int is_masked;          /* whether it is known that it has to be */
} Part;

int hot_may_be_pieces(PyObject *kept);
int hot_take_input(Part *part, Span *span, PyObject *known);
int hot_take_output(Part *part, PyObject *kept, PyObject *known);
void hot_drop_part(Part *part);
PyObject *hot_json_of(Part *part, PyObject *known, PyObject *mask);
PyObject *hot_mask_field(PyObject *name, PyObject *value, PyObject *known, PyObject *mask);
PyObject *hot_mask_metadata(PyObject *metadata, PyObject *known, PyObject *mask);

/* leaves.c */
PyObject *hot_json(PyObject *masked);
PyObject *hot_kept_json(PyObject *known, PyObject *kept, int *is_masked);
PyObject *hot_arguments_json(PyObject *known, PyObject *names, PyObject *values, int *is_masked);

/* walk.c */
PyObject *hot_walk(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* again.c */
#define SHORTEST_MARKED 48 /* repeats.SHORTEST */
extern PyTypeObject AgainType;
PyObject *hot_hidden_of(PyObject *again);
int hot_count_hidden(PyObject *again, Py_ssize_t many);
PyObject *hot_text_again(PyObject *again, PyObject *text, PyObject *label, int depth, Py_ssize_t *nodes);

/* marks.c */
PyObject *hot_mark(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
void hot_mark_text(const char *key, PyObject *text, PyObject *label, char *into);

/* jsontext.c */
Py_ssize_t hot_nodes_of_json(PyObject *labels, PyObject *texts, PyObject *text, PyObject *label, int depth,
                             Py_ssize_t most);

/* finds.c */
int hot_count_hits(PyObject *counted, PyObject *name, Py_ssize_t many);

/* fragments.c */
PyObject *hot_find_key(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* gate.c */
#define LONGEST_WHOLE 28 /* of a text that may be one value as a whole */
extern PyTypeObject GateType;

/* runs.c */
PyObject *hot_long_words(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_luhn(PyObject *module, PyObject *text);
PyObject *hot_weighted(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_is_random(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_may_hold(PyObject *module, PyObject *text);
PyObject *hot_has_few(PyObject *module, PyObject *text);
PyObject *hot_holds_any(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
int hot_is_worth(PyObject *text);
PyObject *hot_mask(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_find(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_merged(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_replaced(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_words(PyObject *module, PyObject *const *args, Py_ssize_t nargs);
PyObject *hot_runs(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* prepare.c */
PyObject *hot_prepare(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* encode.c */
PyObject *hot_encode_span(PyObject *module, PyObject *observation);

/* stretch.c */
int hot_find_sizes(void);
PyObject *hot_weigh(PyObject *module, PyObject *observation);
PyObject *hot_finish_stretch(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* messages.c */
int hot_find_message_words(void);

/* closer.c */
PyObject *hot_bind_closer(PyObject *module, PyObject *parts);
int hot_read_closely(PyObject *look, PyObject *span, PyObject *target);
PyObject *hot_read_closely_of(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* standing.c */
PyObject *hot_stand_back(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* lock.c */
void hot_find_lock(void);
int hot_is_lock_held(void);

/* uncounted.c */
void hot_uncount(PyTypeObject *type);
int hot_find_young(void);
int hot_find_maps(void);
PyObject *hot_recount(PyObject *module, PyObject *number);

/* untraced.c */
void hot_leave_untraced(PyObject *made);
void hot_leave_span_untraced(PyObject *span, PyObject *queue);

/* Take a block off the account that `tracemalloc` keeps of the interpreter's own allocators; -1 where nobody keeps one. */
static inline int
hot_take_off(const void *block)
{
    return PyTraceMalloc_Untrack(0, (uintptr_t)block) == -2 ? -1 : 0;
}

/* untold.c */
extern int hot_account_is_kept;
extern _Thread_local int hot_is_ours;
void hot_leave_threads_untold(void);
PyObject *hot_keep_untold(PyObject *module, PyObject *nothing);

/* Take what the thread allocates from here on for ours. Returns what is to be given back afterwards. */
static inline int
hot_take_for_ours(void)
{
    if (!hot_account_is_kept)
        return -1;
    int was_ours = hot_is_ours;
    hot_is_ours = 1;
    return was_ours;
}

static inline void
hot_take_as_before(int was_ours)
{
    if (was_ours >= 0)
        hot_is_ours = was_ours;
}

/* kept.c */
Py_ssize_t hot_held_by_frames(const PyObject *object);
PyObject *hot_held_by_frames_of(PyObject *module, PyObject *object);

/* carried.c */
PyObject *hot_carried(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* bodies.c */
PyObject *hot_run_body(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* managers.c */
PyObject *hot_manager_methods(PyObject *module, PyObject *nothing);

/* aside.c */
PyObject *hot_aside(PyObject *module, PyObject *function);

/* forwards.c */
PyObject *hot_forward(PyObject *module, PyObject *args);

/* lasting.c */
PyObject *hot_pass_by(PyObject *module, PyObject *roots);

/* settled.c */
PyObject *hot_settle_constants(PyObject *module, PyObject *const *args, Py_ssize_t nargs);

/* module.c */
PyObject *hot_bind_look(PyObject *module, PyObject *parts);
int hot_contain(const char *reason);

#endif
