/* Keeps what has ended below spans that go on, as monitoring/closer.py does. All of it is ours alone: whoever reads holds
   the lock, and what is taken out of a trace is held here. */
#include "closer.h"

#define MOST_NAMES 2000
#define MOST_APART 256 /* as MOST of monitoring/intervals.py */

#define PART(below, name) SLOT(below, Below, name)
#define EACH(item, list)                                                                                               \
    for (Py_ssize_t at = 0; !failed && at < PyList_GET_SIZE(list) && (item = PyList_GET_ITEM(list, at)) != NULL; at++)
#define OF(item, at) PyTuple_GET_ITEM(item, at)

/* The fields of what is held of agents, tools and collaborations, in their order. */
enum { AGENT, AGENT_SOURCE, AGENT_OUTCOME, AGENT_TAKEN, AGENT_WEIGHT, AGENT_TARGET };
enum { TOOL, TOOL_SOURCE, TOOL_OUTCOME, TOOL_WEIGHT, TOOL_TARGET };
enum { JOINT, JOINT_OUTCOME, JOINT_TAKEN, JOINT_WEIGHT };

PyObject *
hot_new_below(void)
{
    PyObject *made = hot.type.Below->tp_alloc(hot.type.Below, 0);
    if (made != NULL && ((PART(made, tools) = hot_inert(PyList_New(0))) == NULL ||
                         (PART(made, agents) = hot_inert(PyList_New(0))) == NULL ||
                         (PART(made, busy) = hot_inert(PyList_New(0))) == NULL ||
                         (PART(made, collaborations) = hot_inert(PyList_New(0))) == NULL))
        Py_CLEAR(made);
    return made;
}

/* As `_note`. */
static int
note(Read *read, PyObject *target, PyObject *kind, PyObject *name, int within)
{
    PyObject *names = SLOT(read->look, CloserLook, _names), *noted;
    if (PySet_GET_SIZE(names) >= MOST_NAMES)
        return 0;
    if (!within && (within = PySet_Contains(SLOT(read->look, CloserLook, _delegating), target)) < 0)
        return -1;
    noted = hot_inert(PyTuple_Pack(4, target, kind, name, within ? Py_True : Py_False));
    int failed = noted == NULL || PySet_Add(names, noted) < 0;
    Py_XDECREF(noted);
    return failed ? -1 : 0;
}

/* For how many something that is held stands; -1.0 maybe with an exception: the original keeps whatever a span says. */
static inline double
weight_of(PyObject *held, int at)
{
    return PyFloat_AsDouble(OF(held, at));
}

static int
count_agent(Read *read, PyObject *agent)
{
    double weight = weight_of(agent, AGENT_WEIGHT);
    if ((weight == -1.0 && PyErr_Occurred()) || note(read, OF(agent, AGENT_TARGET), WORD(agent), OF(agent, AGENT), 0) < 0)
        return -1;
    PyObject *labels = PyTuple_Pack(3, OF(agent, AGENT), OF(agent, AGENT_SOURCE), OF(agent, AGENT_OUTCOME));
    if (hot_count_up(read->gathered, METRIC(agent_calls_total), labels, weight) < 0)
        return -1;
    labels = PyTuple_Pack(1, OF(agent, AGENT));
    return hot_count_size(read->gathered, METRIC(agent_duration_seconds), labels, Py_NewRef(OF(agent, AGENT_TAKEN)),
                          weight);
}

/* As `_count_tools`. */
static int
count_tools(Read *read, PyObject *agent, PyObject *below)
{
    int failed = 0;
    PyObject *tools = PART(below, tools), *tool, *labels;
    EACH(tool, tools)
    {
        double weight = weight_of(tool, TOOL_WEIGHT);
        failed = (weight == -1.0 && PyErr_Occurred()) ||
                 note(read, OF(tool, TOOL_TARGET), WORD(tool), OF(tool, TOOL), 0) < 0;
        labels = failed ? NULL : PyTuple_Pack(4, agent, OF(tool, TOOL), OF(tool, TOOL_SOURCE), OF(tool, TOOL_OUTCOME));
        failed = hot_count_up(read->gathered, METRIC(tool_calls_total), labels, weight) < 0;
    }
    return failed ? -1 : 0;
}

/* Let a list of what is below hold one thing only, which it takes over; -1 where there is none, as an error is set. */
static int
hold_only(PyObject **list, PyObject *item)
{
    PyObject *made = item == NULL ? NULL : hot_inert(PyList_New(1));
    if (made == NULL)
        Py_XDECREF(item);
    else
        PyList_SET_ITEM(made, 0, hot_inert(item));
    return hot_put(list, made);
}

/* Whether something that is held has the span's name, -1 on an exception: the original holds names of any kind. */
static inline int
is_same(Read *read, PyObject *held)
{
    PyObject *name = OF(held, 0), *wanted = read->field[NAME];
    return PyUnicode_CheckExact(name) ? hot_is_text(name, wanted) : PyObject_RichCompareBool(name, wanted, Py_EQ);
}

int
hot_end_agent(Read *read, PyObject *below)
{
    int failed = 0, same;
    PyObject **field = read->field, *agents = PART(below, agents), *agent, *source, *made;
    EACH(agent, agents)
    {
        same = is_same(read, agent);
        failed = same < 0 || (same && note(read, OF(agent, AGENT_TARGET), WORD(agent), field[NAME], 1) < 0);
    }
    EACH(agent, agents)
    {
        same = is_same(read, agent);
        failed = same < 0 || (!same && count_agent(read, agent) < 0);
    }
    if (failed || (source = hot_source_of(read)) == NULL)
        return -1;
    made = PyTuple_Pack(6, field[NAME], source, read->outcome, read->taken, field[WEIGHT], read->target);
    Py_DECREF(source);
    if (hold_only(&PART(below, agents), made) < 0 || count_tools(read, field[NAME], below) < 0 ||
        hot_put(&PART(below, tools), hot_inert(PyList_New(0))) < 0)
        return -1;
    made = PyTuple_Pack(2, field[START], field[END]);
    return hold_only(&PART(below, busy), made);
}

int
hot_end_tool(Read *read, PyObject *below)
{
    int failed = 0, same;
    PyObject **field = read->field, *tools = PART(below, tools), *tool, *kept = hot_inert(PyList_New(0)), *source, *made;
    if (kept == NULL)
        return -1;
    EACH(tool, tools)
    {
        same = is_same(read, tool);
        failed = same < 0 || (same ? note(read, OF(tool, TOOL_TARGET), WORD(tool), field[NAME], 1) < 0
                                   : PyList_Append(kept, tool) < 0);
    }
    source = failed ? NULL : hot_source_of(read);
    made = source == NULL ? NULL
                          : hot_inert(PyTuple_Pack(5, field[NAME], source, read->outcome, field[WEIGHT], read->target));
    failed = made == NULL || PyList_Append(kept, made) < 0;
    Py_XDECREF(source);
    Py_XDECREF(made);
    if (failed)
        Py_DECREF(kept);
    else
        Py_XSETREF(PART(below, tools), kept);
    return failed ? -1 : 0;
}

int
hot_end_collaboration(Read *read, PyObject *below)
{
    PyObject **field = read->field, *made = PyTuple_Pack(4, field[NAME], read->outcome, read->taken, field[WEIGHT]);
    return hold_only(&PART(below, collaborations), made);
}

/* Put the items of a list behind those of another one. */
static int
extend(PyObject *list, PyObject *more)
{
    Py_ssize_t size = PyList_GET_SIZE(list);
    return PyList_GET_SIZE(more) == 0 ? 0 : PyList_SetSlice(list, size, size, more);
}

/* As `Below.take`. */
static int
take(PyObject *below, PyObject *other)
{
    if (extend(PART(below, tools), PART(other, tools)) < 0 || extend(PART(below, agents), PART(other, agents)) < 0 ||
        extend(PART(below, collaborations), PART(other, collaborations)) < 0 ||
        extend(PART(below, busy), PART(other, busy)) < 0)
        return -1;
    if (PyList_GET_SIZE(PART(below, busy)) <= MOST_APART)
        return 0;
    PyObject *joined = PyObject_CallOneArg(hot.join, PART(below, busy));
    return hot_put(&PART(below, busy), joined);
}

/* As `_hand_up`; `trace` is NULL where none is open. */
int
hot_hand_up(Read *read, PyObject *trace, PyObject *below)
{
    PyObject *parent = read->field[PARENT], *known;
    trace = trace != NULL ? Py_NewRef(trace) : PyObject_CallMethod(read->look, "_open_trace", "O", read->field[TRACE_ID]);
    if (trace == NULL)
        return -1;
    int done = hot_put(&SLOT(trace, OpenTrace, touched), PyObject_CallNoArgs(SLOT(read->look, CloserLook, _clock)));
    if (done == 0) {
        known = PyDict_GetItemWithError(SLOT(trace, OpenTrace, below), parent);
        if (known != NULL) {
            Py_INCREF(known);
            done = take(known, below);
            Py_DECREF(known);
        }
        else
            done = PyErr_Occurred() ? -1 : PyDict_SetItem(SLOT(trace, OpenTrace, below), parent, below);
    }
    Py_DECREF(trace);
    return done;
}

/* A moment in nanoseconds; -1 where it is none that a difference can be made of. */
static inline long long
moment(PyObject *number)
{
    int over = !PyLong_CheckExact(number);
    long long found = over ? -1 : PyLong_AsLongLongAndOverflow(number, &over);
    return over || found < 0 ? -1 : found;
}

/* As `length` of monitoring/intervals.py of what agents were busy with while a span went on; -1.0 with an exception. */
static double
busy_within(PyObject **field, PyObject *busy)
{
    long long begins[MOST_APART], ends[MOST_APART], begin, end, from = moment(field[START]), until = moment(field[END]);
    Py_ssize_t many = PyList_GET_SIZE(busy), place;
    int is_plain = from >= 0 && until >= 0 && many <= MOST_APART;
    for (Py_ssize_t at = 0; is_plain && at < many; at++) {
        begin = moment(OF(PyList_GET_ITEM(busy, at), 0));
        end = moment(OF(PyList_GET_ITEM(busy, at), 1));
        is_plain = begin >= 0 && end >= 0;
        for (place = at; place > 0 && begins[place - 1] > begin; place--) { /* most come in their order */
            begins[place] = begins[place - 1];
            ends[place] = ends[place - 1];
        }
        begins[place] = begin;
        ends[place] = end;
    }
    if (!is_plain) {
        PyObject *told = PyObject_CallFunctionObjArgs(hot.length, busy, field[START], field[END], NULL);
        double length = told == NULL ? -1.0 : PyLong_AsDouble(told);
        Py_XDECREF(told);
        return length;
    }
    long long length = 0;
    for (Py_ssize_t at = 0; at < many; at++) {
        begin = Py_MAX(begins[at], from);
        end = Py_MIN(ends[at], until);
        if (end > begin) {
            length += end - begin;
            from = end;
        }
    }
    return (double)length;
}

/* As `_end_coordination`. */
static int
end_coordination(Read *read, PyObject *below)
{
    PyObject **field = read->field, *busy = PART(below, busy), *detail;
    if (PyList_GET_SIZE(busy) == 0)
        return 0;
    detail = PyDict_GetItemWithError(field[METADATA], WORD(detail));
    if (detail == NULL ? PyErr_Occurred() != NULL : hot_is_text(detail, WORD(stub)) || hot_is_text(detail, WORD(errors)))
        return detail == NULL ? -1 : 0;
    double length = busy_within(field, busy), taken = PyErr_Occurred() ? -1.0 : PyLong_AsDouble(read->taken);
    if (taken == -1.0 && PyErr_Occurred())
        return -1;
    if (hot_count_up(read->gathered, METRIC(coordinated_seconds_total), PyTuple_Pack(1, field[TRACE_NAME]),
                     taken / 1e9 * read->weight) < 0)
        return -1;
    return hot_count_up(read->gathered, METRIC(agent_busy_seconds_total), PyTuple_Pack(1, field[TRACE_NAME]),
                        length / 1e9 * read->weight);
}

/* As `_settle`. */
static int
settle(Read *read, PyObject *below)
{
    int failed = 0;
    PyObject *agent, *joint, *labels;
    EACH(agent, PART(below, agents))
    {
        failed = count_agent(read, agent) < 0;
    }
    if (failed || count_tools(read, WORD(nothing), below) < 0)
        return -1;
    EACH(joint, PART(below, collaborations))
    {
        double weight = weight_of(joint, JOINT_WEIGHT);
        failed = weight == -1.0 && PyErr_Occurred();
        labels = failed ? NULL : PyTuple_Pack(2, OF(joint, JOINT), OF(joint, JOINT_OUTCOME));
        failed = hot_count_up(read->gathered, METRIC(collaborations_total), labels, weight) < 0;
        labels = failed ? NULL : PyTuple_Pack(1, OF(joint, JOINT));
        failed = hot_count_size(read->gathered, METRIC(collaboration_duration_seconds), labels,
                                Py_NewRef(OF(joint, JOINT_TAKEN)), weight) < 0;
    }
    return failed ? -1 : 0;
}

/* Count what has ended below a span at the top of its trace. */
int
hot_end_below(Read *read, PyObject *below)
{
    return end_coordination(read, below) < 0 ? -1 : settle(read, below);
}
