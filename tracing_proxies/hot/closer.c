/* Reads finished spans closely, as `CloserLook.read` of monitoring/closer.py does, which has what is not made of builtin
   objects. The caller holds the lock: whatever Python runs meanwhile, nobody else reads. */
#include "closer.h"

#define OUTCOME "outcome."
#define OUTCOME_SIZE (Py_ssize_t)(sizeof(OUTCOME) - 1)
#define SOURCE "source:"
#define SOURCE_SIZE (Py_ssize_t)(sizeof(SOURCE) - 1)
#define LONGEST_VALUE 40

Texts hot_texts;

/* Take what the Python side lends: its classes, and the functions that have the rest. */
PyObject *
hot_bind_closer(PyObject *module, PyObject *parts)
{
#define NAME_METRIC(name)                                                                                              \
    if ((METRIC(name) = PyUnicode_InternFromString("tracing_proxies_" #name)) == NULL)                                 \
        return NULL;
#define NAME_WORD(name, text)                                                                                          \
    if ((WORD(name) = PyUnicode_InternFromString(text)) == NULL)                                                       \
        return NULL;
    METRICS(NAME_METRIC)
    WORDS(NAME_WORD)
    return hot_bind_look(module, parts);
}

/* Whether a text has some ASCII at its beginning, or behind one that it is known to have. */
static inline int
has_at(PyObject *text, Py_ssize_t from, const char *part, Py_ssize_t size)
{
    if (PyUnicode_GET_LENGTH(text) - from < size)
        return 0;
    int kind = PyUnicode_KIND(text);
    const void *letters = PyUnicode_DATA(text);
    if (kind == PyUnicode_1BYTE_KIND)
        return memcmp((const char *)letters + from, part, size) == 0;
    for (Py_ssize_t at = 0; at < size; at++)
        if (PyUnicode_READ(kind, letters, from + at) != (Py_UCS4)part[at])
            return 0;
    return 1;
}

#define BEGINS_WITH(text, part) has_at(text, 0, part, sizeof(part) - 1)

/* Whether the name of an outcome is some ASCII. */
#define IS_OUTCOME(key, name)                                                                                          \
    (PyUnicode_GET_LENGTH(key) == OUTCOME_SIZE + sizeof(name) - 1 && has_at(key, OUTCOME_SIZE, name, sizeof(name) - 1))

static inline PyObject *
behind(PyObject *text, Py_ssize_t size)
{
    return PyUnicode_Substring(text, size, PyUnicode_GET_LENGTH(text));
}

/* As `_source_of`: a new reference. */
PyObject *
hot_source_of(Read *read)
{
    PyObject *tags = read->field[TAGS], *tag;
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(tags); at++)
        if (BEGINS_WITH(tag = PyTuple_GET_ITEM(tags, at), SOURCE))
            return behind(tag, SOURCE_SIZE);
    return Py_NewRef(read->field[TRACE_NAME]);
}

/* Whether a text is one that is counted by what it says, as `_VALUE`. */
static int
is_value(PyObject *text)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    int kind = PyUnicode_KIND(text), fits = size >= 1 && size <= LONGEST_VALUE;
    const void *letters = PyUnicode_DATA(text);
    for (Py_ssize_t at = 0; fits && at < size; at++) {
        Py_UCS4 letter = PyUnicode_READ(kind, letters, at);
        fits = Py_UNICODE_ISALNUM(letter) || (letter < 128 && letter != 0 && strchr("_.:/+-", (int)letter) != NULL);
    }
    return fits;
}

static int
read_confidence(Read *read, PyObject *value)
{
    double share = -1.0;
    if (PyFloat_CheckExact(value))
        share = PyFloat_AS_DOUBLE(value);
    else if (PyLong_CheckExact(value)) {
        int over;
        long long found = PyLong_AsLongLongAndOverflow(value, &over);
        share = over || found < 0 || found > 1 ? -1.0 : (double)found;
    }
    if (!(share >= 0.0 && share <= 1.0))
        return 0;
    PyObject *labels = PyTuple_Pack(2, read->field[NAME], read->field[KIND]);
    return hot_count_size(read->gathered, METRIC(confidence), labels, PyFloat_FromDouble(share * 1e6), read->weight);
}

static int
read_conflicts(Read *read, PyObject *state, PyObject *value)
{
    int over = !PyLong_CheckExact(value);
    long long many = over ? 0 : PyLong_AsLongLongAndOverflow(value, &over);
    if (over)
        return 0;
    return hot_count_up(read->gathered, METRIC(conflicts_total), PyTuple_Pack(1, state), (double)many * read->weight);
}

static int
read_outcome(Read *read, PyObject *key, PyObject *value)
{
    if (IS_OUTCOME(key, "confidence"))
        return read_confidence(read, value);
    if (IS_OUTCOME(key, "conflicts_detected"))
        return read_conflicts(read, WORD(detected), value);
    if (IS_OUTCOME(key, "conflicts_resolved"))
        return read_conflicts(read, WORD(resolved), value);
    PyObject *said = PyBool_Check(value) ? value == Py_True ? WORD(true) : WORD(false)
                     : PyUnicode_CheckExact(value) && is_value(value) ? value : NULL;
    if (said == NULL)
        return 0;
    PyObject *name = behind(key, OUTCOME_SIZE), *labels;
    labels = name == NULL ? NULL : PyTuple_Pack(3, read->field[NAME], name, said);
    Py_XDECREF(name);
    return hot_count_up(read->gathered, METRIC(outcomes_total), labels, read->weight);
}

/* As `_read_metadata`. */
static int
read_metadata(Read *read, PyObject *metadata)
{
    PyObject *key, *value, *sender, *recipient;
    Py_ssize_t at = 0;
    int failed = 0;
    while (!failed && PyDict_Next(metadata, &at, &key, &value)) {
        if (!BEGINS_WITH(key, OUTCOME))
            continue;
        Py_INCREF(key);
        Py_INCREF(value);
        failed = read_outcome(read, key, value) < 0;
        Py_DECREF(key);
        Py_DECREF(value);
    }
    if (failed || (sender = PyDict_GetItemWithError(metadata, WORD(sender))) == NULL ||
        (recipient = PyDict_GetItemWithError(metadata, WORD(recipient))) == NULL)
        return failed || PyErr_Occurred() ? -1 : 0;
    if (!PyUnicode_CheckExact(sender) || !PyUnicode_CheckExact(recipient))
        return 0;
    PyObject *labels = PyTuple_Pack(3, sender, recipient, read->outcome);
    return hot_count_up(read->gathered, METRIC(messages_total), labels, read->weight);
}

static int
read_error(Read *read)
{
    PyObject **field = read->field, *returned = PyDict_GetItemWithError(field[METADATA], WORD(error_returned)), *how;
    int is_so = 0;
    if (returned != NULL) {
        Py_INCREF(returned);
        is_so = PyObject_IsTrue(returned);
        Py_DECREF(returned);
    }
    how = is_so ? WORD(returned) : WORD(raised);
    if (is_so == 0 && !PyErr_Occurred() && (is_so = PyDict_Contains(field[METADATA], WORD(error_type))) == 0)
        how = WORD(noted);
    if (is_so < 0 || PyErr_Occurred())
        return -1;
    PyObject *labels = PyTuple_Pack(3, field[NAME], field[KIND], how);
    return hot_count_up(read->gathered, METRIC(errors_total), labels, read->weight);
}

/* Take what is known below a span out of its trace, which is left in `trace`; NULL where there is nothing, or with an
   exception. Both are held. */
static PyObject *
pop_below(Read *read, PyObject **trace)
{
    PyObject *id = read->field[ID], *below;
    *trace = Py_XNewRef(PyDict_GetItemWithError(SLOT(read->look, CloserLook, _traces), read->field[TRACE_ID]));
    if (*trace == NULL)
        return NULL;
    below = Py_XNewRef(PyDict_GetItemWithError(SLOT(*trace, OpenTrace, below), id));
    if (below != NULL && PyDict_DelItem(SLOT(*trace, OpenTrace, below), id) < 0)
        Py_CLEAR(below);
    return below;
}

/* End what is at the top of its trace. */
static int
end_top(Read *read, PyObject *trace, PyObject *below)
{
    PyObject **field = read->field, *source, *labels;
    if (hot_has_tops(SLOT(read->look, CloserLook, glance)) &&
        hot_told(PyObject_CallMethod(read->look, "take_tops", NULL)) < 0)
        return -1;
    if ((source = hot_source_of(read)) == NULL)
        return -1;
    labels = PyTuple_Pack(3, field[TRACE_NAME], source, read->outcome);
    Py_DECREF(source);
    if (hot_count_up(read->gathered, METRIC(workflows_total), labels, read->weight) < 0)
        return -1;
    labels = PyTuple_Pack(1, field[TRACE_NAME]);
    if (hot_count_size(read->gathered, METRIC(workflow_duration_seconds), labels, Py_NewRef(read->taken),
                       read->weight) < 0 ||
        (below != NULL && hot_end_below(read, below) < 0))
        return -1;
    if (trace == NULL)
        return 0;
    if (PyDict_GET_SIZE(SLOT(trace, OpenTrace, below)) == 0)
        return PyObject_DelItem(SLOT(read->look, CloserLook, _traces), field[TRACE_ID]);
    hot_set(&SLOT(trace, OpenTrace, ended), Py_True); /* what goes on has outlived it */
    return 0;
}

/* End a span among those of its trace; `below` is held, NULL where nothing has ended below it. */
static int
end_span(Read *read, PyObject *trace, PyObject **below)
{
    PyObject **field = read->field;
    int is_agent = hot_is_text(field[KIND], WORD(agent)), is_tool = !is_agent && hot_is_text(field[KIND], WORD(tool));
    int is_joint = PyDict_GET_SIZE(field[METADATA]) == 0 ? 0 : PyDict_Contains(field[METADATA], WORD(participants));
    if (is_joint < 0)
        return -1;
    if (*below == NULL && (is_agent || is_tool || is_joint) && (*below = hot_new_below()) == NULL)
        return -1;
    if ((is_agent && hot_end_agent(read, *below) < 0) || (is_tool && hot_end_tool(read, *below) < 0) ||
        (is_joint && hot_end_collaboration(read, *below) < 0))
        return -1;
    if (field[APP_ROOT] == Py_True || field[PARENT] == Py_None)
        return end_top(read, trace, *below);
    return *below == NULL ? 0 : hot_hand_up(read, trace, *below);
}

static int
read_closely(Read *read)
{
    PyObject **field = read->field, *trace = NULL, *below;
    int is_error = hot_is_text(field[LEVEL], hot.error_level);
    read->outcome = is_error ? WORD(error) : WORD(ok);
    if ((is_error && read_error(read) < 0) ||
        (PyDict_GET_SIZE(field[METADATA]) > 0 && read_metadata(read, field[METADATA]) < 0))
        return -1;
    below = pop_below(read, &trace);
    int done = PyErr_Occurred() ? -1 : end_span(read, trace, &below);
    Py_XDECREF(below);
    Py_XDECREF(trace);
    return done;
}

/* Whether something is a text that can be read as it lies. */
static inline int
is_text(PyObject *value)
{
    return PyUnicode_CheckExact(value) && PyUnicode_IS_COMPACT(value);
}

/* Whether all that is read of a span is made of builtin objects. */
static int
is_plain(PyObject **field)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (!is_text(field[TRACE_ID]) || !is_text(field[ID]) || !is_text(field[NAME]) || !is_text(field[KIND]) ||
        !is_text(field[LEVEL]) || !is_text(field[TRACE_NAME]) || !(field[PARENT] == Py_None || is_text(field[PARENT])) ||
        !PyLong_CheckExact(field[START]) || !PyLong_CheckExact(field[END]) || !PyFloat_CheckExact(field[WEIGHT]) ||
        !PyDict_CheckExact(field[METADATA]) || !PyTuple_CheckExact(field[TAGS]) || !PyBool_Check(field[APP_ROOT]))
        return 0;
    while (PyDict_Next(field[METADATA], &at, &key, &value))
        if (!is_text(key) || (PyUnicode_CheckExact(value) && !PyUnicode_IS_COMPACT(value)))
            return 0;
    for (at = 0; at < PyTuple_GET_SIZE(field[TAGS]); at++)
        if (!is_text(PyTuple_GET_ITEM(field[TAGS], at)))
            return 0;
    return 1;
}

/* Read a span closely; 0 where that is left to the original, -1 on an exception. */
int
hot_read_closely(PyObject *look, PyObject *span, PyObject *target)
{
    PyObject **field = ((PyTupleObject *)span)->ob_item;
    if (Py_TYPE(look) != hot.type.CloserLook || !PyUnicode_CheckExact(target) || !is_plain(field))
        return 0;
    Read read = {.look = look, .gathered = SLOT(look, CloserLook, gathered), .target = target, .field = field,
                 .taken = PyNumber_Subtract(field[END], field[START]), .weight = PyFloat_AS_DOUBLE(field[WEIGHT])};
    int done = read.taken == NULL ? -1 : read_closely(&read);
    Py_XDECREF(read.taken);
    return done < 0 ? -1 : 1;
}

/* read_closely(look, span, target): whether that was done here */
PyObject *
hot_read_closely_of(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyTuple_Check(args[1]) || PyTuple_GET_SIZE(args[1]) != FIELDS) {
        PyErr_SetString(PyExc_TypeError, "what looks, an observation and its target are needed");
        return NULL;
    }
    int done = hot_read_closely(args[0], args[1], args[2]);
    return done < 0 ? NULL : PyBool_FromLong(done);
}
