/* The module, and what the Python side lends it. */
#include "parts.h"

#ifdef __linux__
#include <sys/prctl.h>
#endif

Hot hot;

/* Hand the current exception to `contain`; -1 if it is to pass on: none of ours, or in strict mode. */
int
hot_contain(const char *reason)
{
    PyObject *type, *value, *traceback, *contained;
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return -1;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL)
        PyException_SetTraceback(value, traceback);
    contained = PyObject_CallFunction(hot.contain, "sO", reason, value);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    Py_XDECREF(contained);
    return contained == NULL ? -1 : 0;
}

static PyObject *
lent(PyObject *parts, const char *name)
{
    PyObject *found = PyDict_GetItemString(parts, name);
    if (found == NULL)
        PyErr_Format(PyExc_KeyError, "%s", name);
    return Py_XNewRef(found);
}

static Py_ssize_t
offset_of(PyTypeObject *class, const char *name)
{
    PyObject *found = PyObject_GetAttrString((PyObject *)class, name);
    Py_ssize_t offset = 0;
    if (found != NULL && PyObject_TypeCheck(found, &PyMemberDescr_Type) &&
        ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX)
        offset = ((PyMemberDescrObject *)found)->d_member->offset;
    else if (!PyErr_Occurred())
        PyErr_Format(PyExc_TypeError, "%s.%s is no slot", class->tp_name, name);
    Py_XDECREF(found);
    return offset;
}

#define TAKE_CLASS(name)                                                                                               \
    if ((hot.type.name = (PyTypeObject *)lent(parts, #name)) == NULL)                                                  \
        return NULL;
#define TAKE(name)                                                                                                     \
    if ((hot.name = lent(parts, #name)) == NULL)                                                                       \
        return NULL;
#define LOCATE(class, name)                                                                                            \
    if ((hot.at.class##_##name = offset_of(hot.type.class, #name)) == 0)                                               \
        return NULL;

/* Whether what the Python side lends is a dict, as it must be; else with an exception. */
static int
is_dict(PyObject *parts)
{
    if (!PyDict_Check(parts))
        PyErr_SetString(PyExc_TypeError, "a dict is needed");
    return PyDict_Check(parts);
}

static PyObject *
bind(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    CLASSES(TAKE_CLASS)
    LENT(TAKE)
    SLOTS(LOCATE)
    if (!PyAnySet_CheckExact(hot.not_functions)) {
        PyErr_SetString(PyExc_TypeError, "a set of names is needed");
        return NULL;
    }
    hot_uncount(hot.type.Adoption);
    hot_uncount(hot.type.TracedGenerator);
    hot_uncount(hot.type.TracedAsyncGenerator);
    if (PyType_Check(hot.Unrecorded))
        hot_uncount((PyTypeObject *)hot.Unrecorded);
    hot_ask_directly(hot.type.TracedGenerator);
    hot_await_directly(hot.type.TracedAsyncGenerator);
    if (Py_TYPE(hot.wrapt_getattribute) == &PyWrapperDescr_Type)
        hot.read_attribute = (getattrofunc)((PyWrapperDescrObject *)hot.wrapt_getattribute)->d_wrapped;
    if (Py_TYPE(hot.wrapt_wrapped) == &PyGetSetDescr_Type)
        hot.raw = ((PyGetSetDescrObject *)hot.wrapt_wrapped)->d_getset;
    hot.bound = 1;
    Py_RETURN_NONE;
}

static PyObject *
bind_steps(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    TAKE_CLASS(Steps)
    TAKE_CLASS(Stream)
    TAKE_CLASS(StandIn)
    TAKE_CLASS(ItemFold)
    LENT_TO_STEPS(TAKE)
    SLOTS_OF_STEPS(LOCATE)
    hot_uncount(hot.type.Steps);
    hot_uncount(hot.type.Stream);
    hot_uncount(hot.type.ItemFold);
    Py_RETURN_NONE;
}

static PyObject *
bind_capture(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    TAKE_CLASS(Limits)
    LENT_TO_CAPTURE(TAKE)
    SLOTS_OF_LIMITS(LOCATE)
    Py_RETURN_NONE;
}

static PyObject *
bind_reading(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    LENT_TO_READING(TAKE)
    Py_RETURN_NONE;
}

static PyObject *
bind_logic(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    LENT_TO_LOGIC(TAKE)
    Py_RETURN_NONE;
}

static PyObject *
bind_outcome(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    CLASSES_OF_OUTCOME(TAKE_CLASS)
    LENT_TO_OUTCOME(TAKE)
    SLOTS_OF_OUTCOME(LOCATE)
    hot_uncount(hot.type.Span);
    hot_uncount(hot.type.Trace);
    hot_uncount(hot.type.CallScope);
    Py_RETURN_NONE;
}

static PyObject *
bind_prepare(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    LENT_TO_PREPARE(TAKE)
    if (PyType_Check(hot.Observation))
        hot_uncount((PyTypeObject *)hot.Observation);
    Py_RETURN_NONE;
}

static PyObject *
bind_walk(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    TAKE(contain)
    LENT_TO_WALK(TAKE)
    Py_RETURN_NONE;
}

static PyObject *
bind_encode(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    LENT_TO_ENCODE(TAKE)
    Py_RETURN_NONE;
}

static PyObject *
bind_stretch(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    LENT_TO_STRETCH(TAKE)
    if (hot_find_sizes() < 0)
        return NULL;
    Py_RETURN_NONE;
}

PyObject *
hot_bind_look(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    CLASSES_OF_CLOSER(TAKE_CLASS)
    LENT_TO_CLOSER(TAKE)
    SLOTS_OF_CLOSER(LOCATE)
    Py_RETURN_NONE;
}

static PyObject *
bind_contents(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    CLASSES_OF_CONTENTS(TAKE_CLASS)
    SLOTS_OF_CONTENTS(LOCATE)
    Py_RETURN_NONE;
}

static PyObject *
bind_judging(PyObject *module, PyObject *parts)
{
    if (!is_dict(parts))
        return NULL;
    CLASSES_OF_JUDGING(TAKE_CLASS)
    LENT_TO_JUDGING(TAKE)
    SLOTS_OF_JUDGING(LOCATE)
    Py_RETURN_NONE;
}

static PyObject *
snapshot(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *limits = nargs == 2 ? args[1] : hot.default_limits;
    if (nargs < 1 || nargs > 2 || Py_TYPE(limits) != hot.type.Limits) {
        PyErr_SetString(PyExc_TypeError, "a value is needed, and limits if they are not the default's");
        return NULL;
    }
    return hot_snapshot(args[0], limits);
}

static PyObject *
flat_copy(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyTuple_CheckExact(args[0]) || Py_TYPE(args[1]) != hot.type.Limits) {
        PyErr_SetString(PyExc_TypeError, "a tuple and limits are needed");
        return NULL;
    }
    return hot_flat_copy(args[0], args[1]);
}

static PyObject *
is_flat(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyDict_Check(args[0]) || Py_TYPE(args[1]) != hot.type.Limits) {
        PyErr_SetString(PyExc_TypeError, "a dict and limits are needed");
        return NULL;
    }
    return PyBool_FromLong(hot_is_flat(args[0], args[1]));
}

static PyObject *
random_bits(PyObject *module, PyObject *bits)
{
    long number = PyLong_AsLong(bits);
    if (number != 64 && number != 128) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "64 or 128 bits");
        return NULL;
    }
    return hot_random_bits((int)number);
}

/* Have the system name the calling thread, as far as it has room for a name: debuggers and `top` show it. */
static PyObject *
name_thread(PyObject *module, PyObject *name)
{
    const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
    if (text == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a text is needed");
        return NULL;
    }
#ifdef __linux__
    (void)prctl(PR_SET_NAME, text, 0, 0, 0);
#endif
    Py_RETURN_NONE;
}

/* The interpreter that what is here belongs to: all of a process have it, but only one can lend it what it needs. */
static int64_t home;

static PyObject *
is_at_home(PyObject *module, PyObject *nothing)
{
    return PyBool_FromLong(PyInterpreterState_GetID(PyInterpreterState_Get()) == home);
}

static PyObject *
seed(PyObject *module, PyObject *entropy)
{
    if (hot_seed(entropy) < 0)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"bind", bind, METH_O, "Take what the Python side lends: classes, contexts and functions by name."},
    {"straighten", (PyCFunction)(void (*)(void))hot_straighten, METH_FASTCALL,
     "Let the instances of a class of woven functions be read without detours."},
    {"bind_steps", bind_steps, METH_O, "Take what steps need."},
    {"hold_variable", hot_hold_variable, METH_O, "Take the context variable that holds what is current."},
    {"attach", hot_attach_by_name, METH_O, "As the variable's `set`, while the collector waits."},
    {"reset", hot_reset_by_name, METH_O, "As the variable's `reset`, while the collector waits."},
    {"carried", (PyCFunction)(void (*)(void))hot_carried, METH_FASTCALL, "As `carried` of adapters/threads.py."},
    {"aside", hot_aside, METH_O, "Have a function called out of the sight of tracers."},
    {"forward", hot_forward, METH_VARARGS, "Make a method of `Unrecorded` that is told something."},
    {"run_body", (PyCFunction)(void (*)(void))hot_run_body, METH_FASTCALL, "Run a module's body, and tell of it."},
    {"generator_methods", hot_generator_methods, METH_NOARGS, "Make `send`, `throw` and `close` of `TracedGenerator`."},
    {"manager_methods", hot_manager_methods, METH_NOARGS, "Make `__enter__` and `__exit__` of `TracedContextManager`."},
    {"in_steps", (PyCFunction)(void (*)(void))hot_in_steps, METH_FASTCALL, "As `run_in_steps`."},
    {"generator_step", (PyCFunction)(void (*)(void))hot_generator_step, METH_FASTCALL, "As `_Step`."},
    {"leading", (PyCFunction)(void (*)(void))hot_leading, METH_FASTCALL, "As `Known.leading`."},
    {"leaves", (PyCFunction)(void (*)(void))hot_leaves, METH_FASTCALL, "As `Known.leaves`."},
    {"luhn", hot_luhn, METH_O, "As `checks.luhn`."},
    {"weighted", (PyCFunction)(void (*)(void))hot_weighted, METH_FASTCALL, "As `checks.weighted`."},
    {"is_random", (PyCFunction)(void (*)(void))hot_is_random, METH_FASTCALL, "As `values.is_random`."},
    {"may_hold", hot_may_hold, METH_O, "Tell whether masking has anything to look at in a text."},
    {"has_few", hot_has_few, METH_O, "As `values.has_few`."},
    {"holds_any", (PyCFunction)(void (*)(void))hot_holds_any, METH_FASTCALL, "As `values.holds_any`."},
    {"mask", (PyCFunction)(void (*)(void))hot_mask, METH_FASTCALL, "As `Scanner.mask`, where no more is asked."},
    {"find", (PyCFunction)(void (*)(void))hot_find, METH_FASTCALL, "As `Scanner._spans`, where no more is asked."},
    {"merged", (PyCFunction)(void (*)(void))hot_merged, METH_FASTCALL, "As `scan.merge`."},
    {"replaced", (PyCFunction)(void (*)(void))hot_replaced, METH_FASTCALL, "As `scan.replace_all`."},
    {"words", (PyCFunction)(void (*)(void))hot_words, METH_FASTCALL, "As `words_before`."},
    {"long_words", (PyCFunction)(void (*)(void))hot_long_words, METH_FASTCALL, "As `tokens.long_words`."},
    {"runs", (PyCFunction)(void (*)(void))hot_runs, METH_FASTCALL, "As `find_runs`."},
    {"bind_walk", bind_walk, METH_O, "Take what masking needs."},
    {"walk", (PyCFunction)(void (*)(void))hot_walk, METH_FASTCALL, "As `Walk._value`, where keys decide."},
    {"mark", (PyCFunction)(void (*)(void))hot_mark, METH_FASTCALL, "As `Repeats.mark`."},
    {"find_key", (PyCFunction)(void (*)(void))hot_find_key, METH_FASTCALL, "As `fragments.find_key`."},
    {"bind_encode", bind_encode, METH_O, "Take what spans that are written need."},
    {"encode_span", hot_encode_span, METH_O, "As `write_span`."},
    {"bind_stretch", bind_stretch, METH_O, "Take what batches need."},
    {"weigh", hot_weigh, METH_O, "As `weigh`."},
    {"finish_stretch", (PyCFunction)(void (*)(void))hot_finish_stretch, METH_FASTCALL, "As `stretch.finish_stretch`."},
    {"bind_closer", hot_bind_closer, METH_O, "Take what spans that are read need."},
    {"bind_contents", bind_contents, METH_O, "Take what spans need that are read as they are finished."},
    {"read_closely", (PyCFunction)(void (*)(void))hot_read_closely_of, METH_FASTCALL, "As `CloserLook.read`."},
    {"bind_judging", bind_judging, METH_O, "Take what verdicts on traces need."},
    {"judge_plainly", (PyCFunction)(void (*)(void))hot_judge_plainly, METH_FASTCALL,
     "judge_plainly(tail, held, root, taken): the verdict on a trace like most of its name; None where it is not one."},
    {"bind_prepare", bind_prepare, METH_O, "Take what finished spans need."},
    {"prepare", (PyCFunction)(void (*)(void))hot_prepare, METH_FASTCALL, "As `Preparer`, of the spans that most are."},
    {"bind_reading", bind_reading, METH_O, "Take what capture paths need."},
    {"bind_logic", bind_logic, METH_O, "Take what conditions need."},
    {"bind_outcome", bind_outcome, METH_O, "Take what is written onto spans needs."},
    {"begin_record", (PyCFunction)(void (*)(void))hot_begin_record_of, METH_FASTCALL, "As `write_beginning`."},
    {"end_record", (PyCFunction)(void (*)(void))hot_end_record_of, METH_FASTCALL, "As `write_end`."},
    {"bind_capture", bind_capture, METH_O, "Take what captures need."},
    {"snapshot", (PyCFunction)(void (*)(void))snapshot, METH_FASTCALL, "As `take_snapshot`."},
    {"bind_arguments", (PyCFunction)(void (*)(void))hot_bind_arguments, METH_FASTCALL, "As `bind_by_name`."},
    {"flat_copy", (PyCFunction)(void (*)(void))flat_copy, METH_FASTCALL, "As `flat_copy`."},
    {"is_flat", (PyCFunction)(void (*)(void))is_flat, METH_FASTCALL, "As `is_flat`."},
    {"stand_back", (PyCFunction)(void (*)(void))hot_stand_back, METH_FASTCALL, "As `Slices._wait`."},
    {"count_durations", (PyCFunction)(void (*)(void))hot_count_durations, METH_FASTCALL, "As `Sketch.add`."},
    {"getrandbits", random_bits, METH_O, "Draw 64 or 128 random bits, never 0."},
    {"recount", hot_recount, METH_O, "Have the collector count so many objects more, or less."},
    {"keep_untold", hot_keep_untold, METH_NOARGS, "Leave what the calling thread allocates out of tracemalloc's account."},
    {"held_by_frames", hot_held_by_frames_of, METH_O, "Count what calls that have just ended hold of an object."},
    {"pass_by", hot_pass_by, METH_O, "Have the collector pass by what lasts of modules."},
    {"settle", (PyCFunction)(void (*)(void))hot_settle_constants, METH_FASTCALL, "Have it pass by what can be in no circle."},
    {"name_thread", name_thread, METH_O, "Have the system name the calling thread."},
    {"is_at_home", is_at_home, METH_NOARGS, "Tell whether this interpreter is the one that imported this first."},
    {"seed", seed, METH_O, "Begin the random bits anew from 32 bytes."},
    {NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_hot", "The hot path of a call, compiled.", -1, methods,
};

static int
name_texts(void)
{
    struct { PyObject **at; const char *text; } texts[] = {
        {&hot.empty, ""}, {&hot.span, "span"}, {&hot.default_level, "DEFAULT"}, {&hot.error_level, "ERROR"},
        {&hot.child, "child"}, {&hot.merge, "merge"}, {&hot.end_counted, "end_counted"}, {&hot.end_judged, "end_judged"}, {&hot.finish, "finish"},
        {&hot.fail, "fail"}, {&hot.relieve, "relieve"}, {&hot.decide, "_decide"}, {&hot.end_trace, "_end_trace"},
        {&hot.add, "add"}, {&hot.append, "append"}, {&hot.leave_out, "leave_out"}, {&hot.impatient, "impatient"},
        {&hot.value, "_value_"}, {&hot.close, "_close"}, {&hot.context, "context"},
        {&hot.wanted, "wanted"}, {&hot.start, "start"}, {&hot.move, "move"}, {&hot.throw, "throw"}, {&hot.abandon, "abandon"},
        {&hot.ag_frame, "ag_frame"}, {&hot.gi_frame, "gi_frame"}, {&hot.send, "send"}, {&hot.begin, "begin"}, {&hot.hold, "hold"}, {&hot.recall, "recall"},
        {&hot.end, "end"}, {&hot.enter, "__enter__"}, {&hot.exit, "__exit__"}, {&hot.own, "_self_"}, {&hot.class_name, "__class__"}, {&hot.own_dict, "__dict__"}, {&hot.next, "__next__"}, {&hot.close_body, "close"}, {&hot.anext, "__anext__"},
        {&hot.end_step, "end_step"}, {&hot.drop, "drop"}, {&hot.fold_value, "value"},
        {&hot.prepared, "prepared"}, {&hot.function, "function"}, {&hot.finish_originally, "finish_originally"},
        {&hot.plan, "plan"}, {&hot.record, "record"}, {&hot.commitment, "commitment"}, {&hot.most, "most"}, {&hot.unsure, "unsure"}, {&hot.learning, "_learning"}, {&hot.caller, "_caller"}, {&hot.popitem, "popitem"},
        {&hot.keys, "keys"}, {&hot.costs, "costs"}, {&hot.let_in, "_let_in"}, {&hot.press_from, "_press_from"}, {&hot.clock_name, "clock"}, {&hot.share, "share"}, {&hot.popleft, "popleft"}, {&hot.conclude, "conclude"}, {&hot.note_ended, "_note_ended"},
        {&hot.wake, "wake"}, {&hot.dict, "__dict__"}, {&hot.module, "__module__"}, {&hot.setattr, "__setattr__"}, {&hot.abandoned, "abandoned"},
        {&hot.nodes, "_nodes"}, {&hot.entry, "_entry"}, {&hot.learn_entry, "_learn_entry"},
        {&hot.mask_pair, "_mask_pair"}, {&hot.mask_value, "_value"}, {&hot.capital_value, "Value"},
        {&hot.arranged, "_arranged"}, {&hot.mask, "mask"}, {&hot.learn, "learn"}, {&hot.learn_text, "learn_text"}, {&hot.by_key, "key"},
        {&hot.status_message, "status_message"}, {&hot.model, "model"}, {&hot.user_id, "user_id"},
        {&hot.session_id, "session_id"},
        {&hot.add_tags, "add_tags"},
        {&hot.kept_child, "kept_child"}, {&hot.get, "get"}, {&hot.is_valid, "is_valid"}, {&hot.span_id, "span_id"},
        {&hot.get_span_context, "get_span_context"}, {&hot.generation, "generation"}, {&hot.sampled, "sampled"},
    };
    for (size_t each = 0; each < sizeof(texts) / sizeof(texts[0]); each++)
        if ((*texts[each].at = PyUnicode_InternFromString(texts[each].text)) == NULL)
            return -1;
    hot.one = PyFloat_FromDouble(1.0);
    hot.zero = PyLong_FromLong(0);
    hot.nothing = PyTuple_New(0);
    hot.unweighed = Py_BuildValue("(ii)", 0, 0);
    hot.no_keywords = PyDict_New();
    return hot.one && hot.zero && hot.unweighed && hot.nothing && hot.no_keywords ? 0 : -1;
}

/* All types, and the names by which the Python side has some of them. */
static struct {
    PyTypeObject *type;
    const char *name;
} types[] = {
    {&SpanFields, "SpanFields"}, {&TraceFields, "TraceFields"}, {&UnrecordedFields, "UnrecordedFields"},
    {&JudgementType, "Judgement"}, {&EntryType, "Entry"}, {&MessageType, "Message"}, {&PendingType, "Pending"}, {&Advised, "Advised"},
    {&ReadingType, "Reading"}, {&DirectType, "Direct"}, {&CopiedType, "Copied"}, {&InletType, "Inlet"},
    {&GlanceType, "Glance"}, {&WatchedType, "Watched"}, {&GateType, "Gate"}, {&AgainType, "Again"}, {&StepType, NULL}, {&OpeningType, NULL}, {&CarriedType, NULL}, {&MapsType, NULL},
    {&AsideType, NULL}, {&ForwardType, NULL},
};

static int
add_types(PyObject *module)
{
    for (size_t at = 0; at < Py_ARRAY_LENGTH(types); at++)
        if (PyType_Ready(types[at].type) < 0 ||
            (types[at].name != NULL &&
             PyModule_AddObjectRef(module, types[at].name, (PyObject *)types[at].type) < 0))
            return -1;
    hot_uncount(&CarriedType);
    hot_uncount(&PendingType);
    hot_uncount(&StepType);
    hot_uncount(&OpeningType);
    hot_uncount(&MapsType);
    return 0;
}

PyMODINIT_FUNC
PyInit__hot(void)
{
    PyObject *module = name_texts() < 0 ? NULL : PyModule_Create(&definition);
    home = PyInterpreterState_GetID(PyInterpreterState_Get());
    hot_find_lock();
    if (module != NULL && (hot_find_young() < 0 || hot_find_maps() < 0 || hot_find_message_words() < 0 || add_types(module) < 0 || hot_add_methods(module) < 0))
        Py_CLEAR(module);
    return module;
}
