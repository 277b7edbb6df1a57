/* Masks texts on which nothing but themselves and their labels decide, as `Leaves._text_again` of masking/leaves.py, which
   has the rest: JSON in which something is new, and what is a marker or was cut. */
#include "copying.h"

#define LONGEST_FOLDED 256 /* of a text that is folded on the stack */
#define LONGEST_JSON 65536 /* leaves.MAX_JSON */

static const char LEFT_OUT[] = " more characters>";

/* What is known under one set of rules, and what masks. */
typedef struct {
    PyObject_HEAD
    PyObject *known, *texts;      /* what learns texts; those that are left alone, by label */
    PyObject *labels;             /* by the names that change nothing */
    PyObject *hidden;             /* the names that hide their values */
    PyObject *repeats, *recalled; /* what learns others; what became of them, by their marks */
    PyObject *key;                /* of marks */
    PyObject *allowed;            /* texts that stay */
    PyObject *masker, *literals;  /* masks what has one of these in it, folded, and something that assigns */
    PyObject *scanner;            /* masks all else; None where nobody does */
    PyObject *instead, *replace, *counted, *passes;
    Met met[MOST_NAMES_MET + 1]; /* names that are known to change nothing, and are kept */
} Again;

/* What a text became that is known by a mark, while what was hidden in it is counted anew; NULL, without an exception,
   where it is not known. */
static PyObject *
recall(Again *again, PyObject *marked)
{
    PyObject *known = PyDict_GetItemWithError(again->recalled, marked), *masked;
    if (known == NULL)
        return NULL;
    Py_INCREF(known);
    PyObject *hidden = PyTuple_GET_ITEM(known, 1);
    masked = Py_NewRef(PyTuple_GET_ITEM(known, 0));
    for (Py_ssize_t at = 0; masked != NULL && at < PyTuple_GET_SIZE(hidden); at++) {
        PyObject *one = PyTuple_GET_ITEM(hidden, at);
        if (hot_count_hits(again->counted, PyTuple_GET_ITEM(one, 0), PyLong_AsSsize_t(PyTuple_GET_ITEM(one, 1))) < 0)
            Py_CLEAR(masked);
    }
    Py_DECREF(known);
    return masked;
}

/* Whether the letters and digits of a text of ASCII, in lower case, hold one of the literals; -1 on an exception. */
static int
holds_literal(PyObject *literals, PyObject *text)
{
    char few[LONGEST_FOLDED], *folded = few;
    const Py_UCS1 *data = PyUnicode_1BYTE_DATA(text);
    Py_ssize_t size = 0, length = PyUnicode_GET_LENGTH(text);
    int held = 0;
    if (length > LONGEST_FOLDED && (folded = malloc(length)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t at = 0; at < length; at++) {
        folded[size] = (char)Py_TOLOWER(data[at]);
        size += Py_ISALNUM(data[at]) != 0;
    }
    for (Py_ssize_t each = 0; !held && each < PyTuple_GET_SIZE(literals); each++) {
        PyObject *literal = PyTuple_GET_ITEM(literals, each);
        Py_ssize_t wanted = PyBytes_GET_SIZE(literal);
        const char *from = folded, *last = folded + size - wanted, *sought = PyBytes_AS_STRING(literal);
        held = wanted == 0;
        while (!held && from <= last && (from = memchr(from, sought[0], last - from + 1)) != NULL)
            held = memcmp(from++, sought, wanted) == 0;
    }
    if (folded != few)
        free(folded);
    return held;
}

static inline int
holds(PyObject *text, Py_UCS4 character)
{
    return PyUnicode_FindChar(text, character, 0, PyUnicode_GET_LENGTH(text), 1) >= 0;
}

/* Whether keys may be named within a text; -1 on an exception. */
static int
may_name_keys(Again *again, PyObject *text)
{
    if (PyTuple_GET_SIZE(again->literals) == 0 || !(holds(text, ':') || holds(text, '=')))
        return 0;
    return PyUnicode_IS_ASCII(text) ? holds_literal(again->literals, text) : 1;
}

/* Mask a text, as `mask` of what masks texts under these rules. */
static PyObject *
mask(Again *again, PyObject *text, PyObject *label)
{
    int is_allowed = PySet_GET_SIZE(again->allowed) == 0 ? 0 : PySet_Contains(again->allowed, text), is_for_masker = 1;
    PyObject *arranged = NULL, *masked;
    if (is_allowed)
        return is_allowed < 0 ? NULL : Py_NewRef(text);
    if (again->scanner == Py_None)
        arranged = Py_NewRef(Py_None);
    else if ((is_for_masker = may_name_keys(again, text)) >= 0)
        arranged = PyObject_GetAttr(again->scanner, hot.arranged);
    if (arranged == NULL)
        return NULL;
    if (is_for_masker || !PyTuple_CheckExact(arranged) || PyTuple_GET_SIZE(arranged) == 0) {
        PyObject *given[] = {again->masker, text, label};
        masked = PyObject_VectorcallMethod(hot.mask, given, 3, NULL);
        if (masked != NULL && !PyUnicode_Check(masked)) {
            PyErr_SetString(PyExc_TypeError, "a masked text is a text");
            Py_CLEAR(masked);
        }
    }
    else {
        PyObject *ways = PyTuple_GET_ITEM(arranged, PyTuple_GET_SIZE(arranged) - 1);
        PyObject *given[] = {text, ways, again->instead, again->replace, again->counted, again->passes, label};
        masked = hot_mask(NULL, given, 7);
    }
    Py_DECREF(arranged);
    return masked;
}

/* Whether more than a text itself may decide on it: it may be JSON or a marker, or was cut. */
static int
is_special(PyObject *text)
{
    const Py_ssize_t behind = sizeof(LEFT_OUT) - 1;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    Py_UCS4 first = PyUnicode_READ_CHAR(text, 0);
    if (first == '{' || first == '[' || first == '"')
        return 1;
    if (size < behind || PyUnicode_READ_CHAR(text, size - 1) != (Py_UCS4)LEFT_OUT[behind - 1])
        return 0;
    for (Py_ssize_t at = 0; at < behind; at++)
        if (PyUnicode_READ_CHAR(text, size - behind + at) != (Py_UCS4)LEFT_OUT[at])
            return 0;
    return 1;
}

/* Learn that a text is left alone; answers it, or NULL with an exception. */
static PyObject *
learn_alone(Again *again, PyObject *text, PyObject *label)
{
    PyObject *given[] = {again->known, text, label};
    return hot_told(PyObject_VectorcallMethod(hot.learn_text, given, 3, NULL)) < 0 ? NULL : Py_NewRef(text);
}

/* Mask a text and learn what becomes of it; `marked` is what it is known by, NULL for a short one. */
static PyObject *
learn(Again *again, PyObject *text, PyObject *label, PyObject *marked, int may_learn)
{
    PyObject *before = marked == NULL ? NULL : PyDict_Copy(again->counted), *masked = NULL;
    if (marked == NULL || before != NULL)
        masked = mask(again, text, label);
    if (masked == text)
        Py_SETREF(masked, learn_alone(again, text, label));
    else if (masked != NULL && marked != NULL && may_learn) {
        PyObject *given[] = {again->repeats, marked, masked, before};
        if (hot_told(PyObject_VectorcallMethod(hot.learn, given, 4, NULL)) < 0)
            Py_CLEAR(masked);
    }
    Py_XDECREF(before);
    return masked;
}

/* Whether a special text is left alone as JSON of no more nodes than given; these are told instead. */
static int
is_json_alone(Again *again, PyObject *text, PyObject *label, int depth, Py_ssize_t *nodes)
{
    if (PyUnicode_READ_CHAR(text, 0) == '"' || PyUnicode_GET_LENGTH(text) > LONGEST_JSON)
        return 0;
    Py_ssize_t many = hot_nodes_of_json(again->labels, again->texts, text, label, depth, *nodes);
    if (many >= 0)
        *nodes = many;
    return many >= 0;
}

/* As `hot_text_again`, but for what fails. */
static PyObject *
text_again(PyObject *object, PyObject *text, PyObject *label, int depth, Py_ssize_t *nodes)
{
    Py_ssize_t most = *nodes;
    *nodes = 0;
    if (Py_TYPE(object) != &AgainType)
        return NULL;
    Again *again = (Again *)object;
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    PyObject *alone = PyDict_GetItemWithError(again->texts, label), *marked = NULL, *masked;
    int is_known = alone == NULL ? 0 : PySet_Contains(alone, text);
    if (is_known != 0)
        return is_known > 0 ? Py_NewRef(text) : NULL;
    if (PyErr_Occurred() || size == 0)
        return NULL;
    if (size >= SHORTEST_MARKED) {
        char found[16];
        hot_mark_text(PyBytes_AS_STRING(again->key), text, label, found);
        if ((marked = PyBytes_FromStringAndSize(found, sizeof(found))) == NULL)
            return NULL;
        if ((masked = recall(again, marked)) != NULL || PyErr_Occurred()) {
            Py_DECREF(marked);
            return masked;
        }
    }
    if (!is_special(text))
        masked = learn(again, text, label, marked, most > 0);
    else {
        masked = is_json_alone(again, text, label, depth, &most) ? learn_alone(again, text, label) : NULL;
        *nodes = masked == NULL ? 0 : most;
    }
    Py_XDECREF(marked);
    return masked;
}

/* Mask a text under a label, of which both the caller holds, so deep in a value; NULL without an exception where that is
   not for here. What fails is contained: an exception is that of the strict mode. `nodes`: how many a walk may still
   see; then how many there were in it. */
PyObject *
hot_text_again(PyObject *again, PyObject *text, PyObject *label, int depth, Py_ssize_t *nodes)
{
    PyObject *masked = text_again(again, text, label, depth, nodes);
    return masked == NULL && PyErr_Occurred() && hot_contain("masking") == 0 ? Py_NewRef(hot.failed_to_mask) : masked;
}

/* mask(text, label): None where that is not for here */
static PyObject *
mask_again(PyObject *again, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyUnicode_CheckExact(args[0]) || !PyUnicode_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a text and its label are needed");
        return NULL;
    }
    Py_ssize_t nodes = MOST_NODES;
    PyObject *masked = text_again(again, args[0], args[1], 0, &nodes);
    return masked != NULL || PyErr_Occurred() ? masked : Py_NewRef(Py_None);
}

/* The names that hide their values; NULL where there is nothing that knows any. Borrowed. */
PyObject *
hot_hidden_of(PyObject *again)
{
    return Py_TYPE(again) == &AgainType ? ((Again *)again)->hidden : NULL;
}

/* The names that are kept, with one place more behind them; NULL where none are. */
Met *
hot_names_met(PyObject *again)
{
    return Py_TYPE(again) == &AgainType ? ((Again *)again)->met : NULL;
}

/* Count values that their names hide. */
int
hot_count_hidden(PyObject *again, Py_ssize_t many)
{
    return hot_count_hits(((Again *)again)->counted, hot.by_key, many);
}

static int
are_literals(PyObject *literals)
{
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(literals); at++)
        if (!PyBytes_CheckExact(PyTuple_GET_ITEM(literals, at)))
            return 0;
    return 1;
}

/* Again(what learns texts, texts by label, labels by name, names that hide, what learns others, these by mark, key of
   marks, texts that stay, masker of what holds a literal, literals, scanner, what stands for a class, what gives it else, counts by class, passes at most) */
static PyObject *
make(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *known, *texts, *labels, *hidden, *repeats, *recalled, *key, *allowed, *masker, *literals;
    PyObject *scanner, *instead, *replace, *counted, *passes;
    Again *again;
    if (!PyArg_ParseTuple(args, "OO!O!O!OO!SO!OO!OO!OO!O!", &known, &PyDict_Type, &texts, &PyDict_Type, &labels,
                          &PySet_Type, &hidden, &repeats, &PyDict_Type, &recalled, &key, &PyFrozenSet_Type, &allowed, &masker, &PyTuple_Type, &literals,
                          &scanner, &PyDict_Type, &instead, &replace, &PyDict_Type, &counted, &PyLong_Type, &passes))
        return NULL;
    if (!PyBytes_CheckExact(key) || PyBytes_GET_SIZE(key) < 16 || !are_literals(literals)) {
        PyErr_SetString(PyExc_TypeError, "a key of 16 bytes, and literals in bytes, are needed");
        return NULL;
    }
    if ((again = (Again *)type->tp_alloc(type, 0)) == NULL)
        return NULL;
    again->known = Py_NewRef(known);
    again->texts = Py_NewRef(texts);
    again->labels = Py_NewRef(labels);
    again->hidden = Py_NewRef(hidden);
    again->repeats = Py_NewRef(repeats);
    again->recalled = Py_NewRef(recalled);
    again->key = Py_NewRef(key);
    again->allowed = Py_NewRef(allowed);
    again->masker = Py_NewRef(masker);
    again->literals = Py_NewRef(literals);
    again->scanner = Py_NewRef(scanner);
    again->instead = Py_NewRef(instead);
    again->replace = Py_NewRef(replace);
    again->counted = Py_NewRef(counted);
    again->passes = Py_NewRef(passes);
    return (PyObject *)again;
}

#define ALL(DO)                                                                                                        \
    DO(again->known) DO(again->texts) DO(again->labels) DO(again->hidden) DO(again->repeats) DO(again->recalled) DO(again->key)           \
    DO(again->allowed) DO(again->masker) DO(again->literals) DO(again->scanner) DO(again->instead)                      \
    DO(again->replace) DO(again->counted) DO(again->passes)
#define VISIT(part) Py_VISIT(part);
#define RELEASE(part) Py_XDECREF(part);

/* A user's detectors may lead anywhere. */
static int
visit_all(Again *again, visitproc visit, void *arg)
{
    ALL(VISIT)
    return 0;
}

static void
let_go(Again *again)
{
    PyObject_GC_UnTrack(again);
    for (Met *met = again->met; met <= again->met + MOST_NAMES_MET; met++) {
        Py_XDECREF(met->name);
        Py_XDECREF(met->label);
    }
    ALL(RELEASE)
    Py_TYPE(again)->tp_free((PyObject *)again);
}

static PyMethodDef methods[] = {
    {"mask", (PyCFunction)(void (*)(void))mask_again, METH_FASTCALL, "Mask a text; None where that is not for here."},
    {NULL},
};

PyTypeObject AgainType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tracing_proxies._hot.Again",
    .tp_basicsize = sizeof(Again),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .tp_new = make,
    .tp_traverse = (traverseproc)visit_all,
    .tp_dealloc = (destructor)let_go,
    .tp_methods = methods,
};
