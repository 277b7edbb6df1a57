/* Puts a model's message together from the events of its stream, as `Message` of adapters/strands_streams.py does. */
#include "parts.h"

#define LONGEST 65536 /* letters, as _MOST_TEXT */

typedef struct {
    PyObject_HEAD
    PyObject *content, *fields; /* a list of blocks, which nobody else has, and a dict of what is told of the whole */
    PyObject *input;            /* the pieces of the tool's input that is being written, NULL where there is none */
    PyObject *text;             /* the pieces of the last block if that is text, else NULL */
    Py_ssize_t size;
} Message;

#define WORDS(W)                                                                                                       \
    W(contentBlockDelta) W(contentBlockStart) W(messageStop) W(metadata) W(delta) W(start) W(toolUse) W(text) W(input) \
    W(name) W(toolUseId) W(stopReason) W(stop_reason) W(usage) W(metrics) W(latencyMs) W(latency_ms)                   \
    W(inputTokens) W(input_tokens) W(outputTokens) W(output_tokens) W(totalTokens) W(total_tokens)                     \
    W(cacheReadInputTokens) W(cache_read) W(cacheWriteInputTokens) W(cache_write)
#define AS_WORD(name) PyObject *name;
static struct {
    WORDS(AS_WORD)
} word;

/* Make the words that events are read by; -1 with an exception. */
int
hot_find_message_words(void)
{
#define FIND(name)                                                                                                     \
    if (word.name == NULL && (word.name = PyUnicode_InternFromString(#name)) == NULL)                                  \
        return -1;
    WORDS(FIND)
#undef FIND
    return 0;
}

/* What stands in a dict under a word: a new reference, NULL where nothing does, or where it is no such dict. Keys may be
   compared by code of the application's, so that nothing is read that is not held. */
static PyObject *
look_up(PyObject *held, PyObject *name)
{
    return held != NULL && PyDict_CheckExact(held) ? Py_XNewRef(PyDict_GetItemWithError(held, name)) : NULL;
}

/* The same of something that is let go of. */
static PyObject *
go_down(PyObject *held, PyObject *name)
{
    PyObject *found = look_up(held, name);
    Py_XDECREF(held);
    return found;
}

/* Begin a block of a kind with a dict or list within, which is stolen; -1 with an exception. */
static int
begin_block(Message *self, PyObject *kind, PyObject *within)
{
    PyObject *block = within == NULL ? NULL : PyDict_New();
    int done = block == NULL || PyDict_SetItem(block, kind, within) < 0 ? -1 : PyList_Append(self->content, block);
    Py_XDECREF(block);
    Py_XDECREF(within);
    return done;
}

/* Keep what a dict holds under a word, None if it does not and that is to be seen, under another word of another dict. */
static int
keep(PyObject *in, PyObject *from, PyObject *name, PyObject *as, int always)
{
    PyObject *found = look_up(from, name);
    if (found == NULL && (PyErr_Occurred() || !always))
        return PyErr_Occurred() ? -1 : 0;
    int done = PyDict_SetItem(in, as, found == NULL ? Py_None : found);
    Py_XDECREF(found);
    return done;
}

static int
begin_tool(Message *self, PyObject *use)
{
    PyObject *pieces = PyList_New(0), *made = pieces == NULL ? NULL : PyDict_New();
    if (made == NULL || keep(made, use, word.name, word.name, 1) < 0 ||
        keep(made, use, word.toolUseId, word.toolUseId, 1) < 0 || PyDict_SetItem(made, word.input, pieces) < 0) {
        Py_XDECREF(pieces);
        Py_XDECREF(made);
        return -1;
    }
    Py_XSETREF(self->input, pieces);
    Py_CLEAR(self->text);
    return begin_block(self, word.toolUse, made);
}

/* Add a piece of text, which is stolen, if it is one. */
static int
add_piece(Message *self, PyObject *pieces, PyObject *piece)
{
    int done = piece == NULL && PyErr_Occurred() ? -1 : 0;
    if (piece != NULL && PyUnicode_Check(piece)) {
        self->size += PyUnicode_GET_LENGTH(piece);
        done = PyList_Append(pieces, piece);
    }
    Py_XDECREF(piece);
    return done;
}

static int
add_text(Message *self, PyObject *text)
{
    if (self->text == NULL) {
        PyObject *pieces = PyList_New(0);
        if (pieces == NULL || begin_block(self, word.text, Py_NewRef(pieces)) < 0) {
            Py_XDECREF(pieces);
            Py_DECREF(text);
            return -1;
        }
        self->text = pieces;
    }
    return add_piece(self, self->text, text);
}

static int
add_delta(Message *self, PyObject *delta)
{
    PyObject *found;
    if (self->size > LONGEST || delta == NULL)
        return 0;
    if (self->input != NULL && (found = look_up(delta, word.toolUse)) != NULL)
        return add_piece(self, self->input, go_down(found, word.input));
    if (PyErr_Occurred() || (found = look_up(delta, word.text)) == NULL)
        return PyErr_Occurred() ? -1 : 0;
    return add_text(self, found);
}

static int
add_usage(Message *self, PyObject *usage)
{
    PyObject *in = self->fields;
    return usage == NULL ? 0
           : keep(in, usage, word.inputTokens, word.input_tokens, 0) < 0 ||
                     keep(in, usage, word.outputTokens, word.output_tokens, 0) < 0 ||
                     keep(in, usage, word.totalTokens, word.total_tokens, 0) < 0 ||
                     keep(in, usage, word.cacheReadInputTokens, word.cache_read, 0) < 0
               ? -1
               : keep(in, usage, word.cacheWriteInputTokens, word.cache_write, 0);
}

/* Do something with an entry of what was found, and let go of both. */
static int
do_with(int (*action)(Message *, PyObject *), Message *self, PyObject *entry)
{
    int done = PyErr_Occurred() ? -1 : action(self, entry);
    Py_XDECREF(entry);
    return done;
}

static int
begin(Message *self, PyObject *use)
{
    Py_CLEAR(self->input);
    return use == NULL || use == Py_None ? 0 : begin_tool(self, use);
}

static int
add_metrics(Message *self, PyObject *metrics)
{
    return metrics == NULL ? 0 : keep(self->fields, metrics, word.latencyMs, word.latency_ms, 0);
}

static int
stop(Message *self, PyObject *told)
{
    return keep(self->fields, told, word.stopReason, word.stop_reason, 0);
}

static int
add(Message *self, PyObject *event)
{
    PyObject *found;
    if ((found = look_up(event, word.contentBlockDelta)) != NULL)
        return do_with(add_delta, self, go_down(found, word.delta));
    if (!PyErr_Occurred() && (found = look_up(event, word.contentBlockStart)) != NULL)
        return do_with(begin, self, go_down(go_down(found, word.start), word.toolUse));
    if (!PyErr_Occurred() && (found = look_up(event, word.messageStop)) != NULL)
        return do_with(stop, self, found);
    if (!PyErr_Occurred() && (found = look_up(event, word.metadata)) != NULL) {
        int done = do_with(add_usage, self, look_up(found, word.usage));
        return done < 0 ? (Py_DECREF(found), -1) : do_with(add_metrics, self, go_down(found, word.metrics));
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* add(event): False, for there may be more */
static PyObject *
message_add(Message *self, PyObject *event)
{
    return add(self, event) < 0 ? NULL : Py_NewRef(Py_False);
}

/* A block with its pieces joined. */
static PyObject *
join(PyObject *block)
{
    PyObject *use = look_up(block, word.toolUse), *made = use == NULL ? PyDict_New() : PyDict_Copy(use);
    PyObject *pieces = PyErr_Occurred() ? NULL : use == NULL ? look_up(block, word.text) : look_up(use, word.input);
    PyObject *text = made == NULL || pieces == NULL ? NULL : PyUnicode_Join(hot.empty, pieces), *outer = NULL;
    if (text != NULL && PyDict_SetItem(made, use == NULL ? word.text : word.input, text) == 0) {
        if (use == NULL)
            outer = Py_NewRef(made);
        else if ((outer = PyDict_New()) != NULL && PyDict_SetItem(outer, word.toolUse, made) < 0)
            Py_CLEAR(outer);
    }
    Py_XDECREF(use);
    Py_XDECREF(made);
    Py_XDECREF(pieces);
    Py_XDECREF(text);
    return outer;
}

/* blocks(): the content, its texts joined */
static PyObject *
message_blocks(Message *self, PyObject *nothing)
{
    Py_ssize_t size = PyList_GET_SIZE(self->content);
    PyObject *made = PyList_New(size), *block;
    for (Py_ssize_t at = 0; made != NULL && at < size; at++) {
        if ((block = join(PyList_GET_ITEM(self->content, at))) == NULL)
            Py_CLEAR(made);
        else
            PyList_SET_ITEM(made, at, block);
    }
    return made;
}

static PyObject *
message_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Message *made = (Message *)type->tp_alloc(type, 0);
    if (made != NULL && ((made->content = PyList_New(0)) == NULL || (made->fields = PyDict_New()) == NULL))
        Py_CLEAR(made);
    return (PyObject *)made;
}

static int
message_traverse(Message *self, visitproc visit, void *arg)
{
    Py_VISIT(self->content);
    Py_VISIT(self->fields);
    Py_VISIT(self->input);
    Py_VISIT(self->text);
    return 0;
}

static int
message_clear(Message *self)
{
    Py_CLEAR(self->content);
    Py_CLEAR(self->fields);
    Py_CLEAR(self->input);
    Py_CLEAR(self->text);
    return 0;
}

static void
message_dealloc(Message *self)
{
    PyObject_GC_UnTrack(self);
    message_clear(self);
    Py_TYPE(self)->tp_free(self);
}

static PyMethodDef methods[] = {
    {"add", (PyCFunction)message_add, METH_O, "Take an event; False, for there may be more."},
    {"blocks", (PyCFunction)message_blocks, METH_NOARGS, "Return the content, its texts joined."},
    {NULL},
};

static PyMemberDef members[] = {
    {"fields", T_OBJECT_EX, offsetof(Message, fields), READONLY, "What is told of the whole."},
    {NULL},
};

PyTypeObject MessageType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Message",
    .tp_basicsize = sizeof(Message),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .tp_new = message_new,
    .tp_methods = methods,
    .tp_members = members,
    .tp_dealloc = (destructor)message_dealloc,
    .tp_traverse = (traverseproc)message_traverse,
    .tp_clear = (inquiry)message_clear,
};
