/* What was copied of a value, kept as a row of words, and the dicts and lists that can be made of it. */
#include "copying.h"

int
hot_widen(Draft *draft)
{
    Py_ssize_t room = draft->room * 2;
    int is_first = draft->words == draft->first;
    PyObject **words = realloc(is_first ? NULL : draft->words, room * sizeof(PyObject *));
    if (words == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (is_first)
        memcpy(words, draft->first, draft->size * sizeof(PyObject *));
    draft->words = words;
    draft->room = room;
    return 0;
}

/* Take the last words back. */
void
hot_shorten(Draft *draft, Py_ssize_t size)
{
    while (draft->size > size) {
        PyObject *word = draft->words[--draft->size];
        if (!IS_HEAD(word))
            Py_DECREF(word);
    }
}

/* Put down what was copied elsewhere, into dicts with texts for keys, and lists. */
int
hot_put_all(Draft *draft, PyObject *value)
{
    PyObject *key, *item;
    Py_ssize_t head, at = 0, count;
    int failed = 0, is_dict = PyDict_CheckExact(value);
    if (!is_dict && !PyList_CheckExact(value))
        return put_one(draft, value);
    if ((head = open_container(draft)) < 0 || Py_EnterRecursiveCall(" in what is recorded of a call"))
        return -1;
    if (is_dict)
        for (count = 0; !failed && PyDict_Next(value, &at, &key, &item); count++)
            failed = put_one(draft, key) < 0 || hot_put_all(draft, item) < 0;
    else
        for (count = 0; !failed && count < PyList_GET_SIZE(value); count++)
            failed = hot_put_all(draft, PyList_GET_ITEM(value, count)) < 0;
    Py_LeaveRecursiveCall();
    draft->words[head] = HEAD_OF(count, is_dict);
    return failed ? -1 : 0;
}

/* Make what is kept of a draft, which is empty then: a value by itself stays what it is. */
PyObject *
hot_keep(Draft *draft)
{
    PyObject *kept = NULL;
    if (draft->size == 1 && !IS_HEAD(draft->words[0]))
        kept = draft->words[0];
    else {
        Copied *copied = PyObject_NewVar(Copied, &CopiedType, draft->size);
        if (copied != NULL)
            memcpy(copied->words, draft->words, draft->size * sizeof(PyObject *));
        else
            hot_shorten(draft, 0);
        kept = (PyObject *)copied;
    }
    draft->size = 0;
    return kept;
}

/* Pass over a value; answers where the next one begins. */
static Py_ssize_t
pass_over(PyObject *const *words, Py_ssize_t at)
{
    for (Py_ssize_t open = 1; open > 0; open--, at++)
        if (IS_HEAD(words[at]))
            open += COUNT_OF(words[at]) << IS_DICT(words[at]);
    return at;
}

/* The names in the dict that is open, whose head stands at a place. */
PyObject *
hot_names_of(Draft *draft, Py_ssize_t at)
{
    PyObject *names = PySet_New(NULL);
    for (at++; names != NULL && at < draft->size; at = pass_over(draft->words, at + 1))
        if (PySet_Add(names, draft->words[at]) < 0)
            Py_CLEAR(names);
    return names;
}

/* Make the value that begins at a place, which is moved to the next; the collector passes by it. */
static PyObject *
make(PyObject *const *words, Py_ssize_t *at)
{
    PyObject *word = words[(*at)++], *made, *item;
    if (!IS_HEAD(word))
        return Py_NewRef(word);
    Py_ssize_t count = COUNT_OF(word);
    int is_dict = IS_DICT(word);
    made = is_dict ? PyDict_New() : PyList_New(count);
    if (made == NULL || Py_EnterRecursiveCall(" in what is recorded of a call")) {
        Py_XDECREF(made);
        return NULL;
    }
    if (!is_dict)
        hot_inert(made); /* at once: nobody is to find it with places that are empty */
    for (Py_ssize_t each = 0; made != NULL && each < count; each++) {
        PyObject *name = is_dict ? words[(*at)++] : NULL;
        item = make(words, at);
        if (item == NULL)
            Py_CLEAR(made);
        else if (!is_dict)
            PyList_SET_ITEM(made, each, item);
        else {
            if (PyDict_SetItem(made, name, item) < 0)
                Py_CLEAR(made);
            Py_DECREF(item);
        }
    }
    Py_LeaveRecursiveCall();
    return hot_inert(made);
}

/* What is kept, as it may be read: a new reference. */
PyObject *
hot_readable(PyObject *kept)
{
    Py_ssize_t at = 0;
    if (kept == NULL || !hot_is_kept(kept))
        return Py_XNewRef(kept);
    Py_INCREF(kept);
    PyObject *made = make(((Copied *)kept)->words, &at);
    Py_DECREF(kept);
    return made;
}

/* Keep what a dict holds as a row of words, where it holds anything; it stays what it is where that fails. */
void
hot_fold_up(PyObject **field)
{
    if (!PyDict_CheckExact(*field) || PyDict_GET_SIZE(*field) == 0)
        return;
    Draft draft;
    begin_draft(&draft);
    PyObject *kept = hot_put_all(&draft, *field) < 0 ? NULL : hot_keep(&draft);
    end_draft(&draft);
    if (kept == NULL)
        PyErr_Clear();
    else
        Py_SETREF(*field, kept);
}

static PyObject *
get_weight(PyObject *self, void *closure)
{
    Py_ssize_t size = 0;
    for (Py_ssize_t at = 0; at < Py_SIZE(self); at++) {
        PyObject *word = ((Copied *)self)->words[at];
        size += 8 + (IS_HEAD(word) ? 0 : PyUnicode_CheckExact(word) ? 50 + PyUnicode_GET_LENGTH(word) : 32);
    }
    return PyLong_FromSsize_t(size);
}

static void
dealloc(PyObject *self)
{
    for (Py_ssize_t at = 0; at < Py_SIZE(self); at++) {
        PyObject *word = ((Copied *)self)->words[at];
        if (!IS_HEAD(word))
            Py_DECREF(word);
    }
    PyObject_Free(self);
}

static PyGetSetDef properties[] = {
    {"weight", get_weight, NULL, "About how many bytes it takes, with its texts.", NULL},
    {NULL},
};

PyTypeObject CopiedType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "tracing_proxies._hot.Copied",
    .tp_doc = "What was copied of a value.",
    .tp_basicsize = offsetof(Copied, words),
    .tp_itemsize = sizeof(PyObject *),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_dealloc = dealloc,
    .tp_getset = properties,
};
