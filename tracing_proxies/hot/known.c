/* Tells whether a value holds only what masking is known to leave alone, as `Known.leaves` of masking/known.py. */
#include "copying.h"

#include <math.h>

#define MOST_NAMES 256 /* in the dicts of a row that are open at a time */
#define MOST_MET 64    /* of the names in a row, a power of two */
#define DEEPEST_SPOT 13
#define MOST_LETTERS 90000 /* of texts that are looked at closely: JSON in them has fewer nodes than a walk may take */

/* Answers how many parts may still be looked at; below 0 if something has to be masked or looked at closely. */
static Py_ssize_t
leaves(PyObject *labels, PyObject *texts, PyObject *value, Py_ssize_t left, PyObject *label, int depth)
{
    if (value == Py_None || PyBool_Check(value))
        return left;
    if (PyUnicode_CheckExact(value)) {
        PyObject *known = PyDict_GetItemWithError(texts, label);
        return known != NULL && PySet_Contains(known, value) > 0 ? left : -1;
    }
    if (PyLong_CheckExact(value) || PyFloat_CheckExact(value))
        return hot_is_small(value, PyUnicode_GET_LENGTH(label) > 0) ? left : -1;
    if (PyDict_CheckExact(value)) {
        Py_ssize_t at = 0;
        PyObject *key, *item;
        left -= PyDict_GET_SIZE(value);
        if (depth > DEEPEST_KNOWN)
            return -1;
        while (left >= 0 && PyDict_Next(value, &at, &key, &item)) {
            PyObject *below = PyUnicode_CheckExact(key) ? PyDict_GetItemWithError(labels, key) : NULL;
            if (below == NULL)
                return -1;
            left = leaves(labels, texts, item, left, below, depth + 1);
        }
        return left;
    }
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
        Py_ssize_t size = PySequence_Fast_GET_SIZE(value);
        left -= size;
        if (depth > DEEPEST_KNOWN)
            return -1;
        while (left >= 0 && size-- > 0) /* what is new stands at the end of a conversation */
            left = leaves(labels, texts, PySequence_Fast_GET_ITEM(value, size), left, label, depth + 1);
        return left;
    }
    return -1;
}

/* leading(labels, texts, list or tuple, left, label): how many of its first items are left alone, and what is left */
PyObject *
hot_leading(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyDict_Check(args[0]) || !PyDict_Check(args[1]) ||
        !(PyList_CheckExact(args[2]) || PyTuple_CheckExact(args[2])) || !PyLong_Check(args[3]) ||
        !PyUnicode_CheckExact(args[4])) {
        PyErr_SetString(PyExc_TypeError, "labels, texts, a list, how many parts to look at, and a label are needed");
        return NULL;
    }
    Py_ssize_t at = 0, left = PyLong_AsSsize_t(args[3]), after;
    for (; !PyErr_Occurred() && at < PySequence_Fast_GET_SIZE(args[2]); at++, left = after)
        if ((after = leaves(args[0], args[1], PySequence_Fast_GET_ITEM(args[2], at), left, args[4], 0)) < 0)
            break;
    return PyErr_Occurred() ? NULL : Py_BuildValue("nn", at, left);
}

/* The same of a value without a label; `known` are the labels and the texts. */
Py_ssize_t
hot_look_through(PyObject *known, PyObject *value)
{
    return leaves(PyTuple_GET_ITEM(known, 0), PyTuple_GET_ITEM(known, 1), value, MOST_LOOKED_AT, hot.empty, 0);
}

/* Whether a value under a name is left alone as one of a dict would be that has no more. */
int
hot_leaves_under(PyObject *known, PyObject *name, PyObject *value)
{
    PyObject *label = PyDict_GetItemWithError(PyTuple_GET_ITEM(known, 0), name);
    return label != NULL &&
        leaves(PyTuple_GET_ITEM(known, 0), PyTuple_GET_ITEM(known, 1), value, MOST_LOOKED_AT - 1, label, 1) >= 0;
}

/* A row that is judged. */
typedef struct {
    PyObject *const *words;
    PyObject *labels, *texts;
    PyObject *plain;  /* the known texts without a label */
    PyObject *hidden; /* the names that hide their values; NULL where these are not for here */
    Spots *spots;
    Py_ssize_t at, left, named, nodes, letters;
    int deepest;
    int is_unsure; /* whether it is to be judged, and written, as dicts and lists */
    Py_hash_t names[MOST_NAMES]; /* of the dicts that are open */
    Met *lasting;                /* the names that were met in any row; NULL where these are not kept */
    int has_met;                 /* whether there is one of this row alone: */
    Met met[MOST_MET];
} Row;

static int is_left(Row *row, PyObject *label, int depth);

/* Whether a text or a number is written by others as it is by written.c. */
int
hot_is_sure(PyObject *leaf)
{
    int over;
    if (PyFloat_CheckExact(leaf)) { /* beyond, versions differ in how they write powers of ten */
        double size = fabs(PyFloat_AS_DOUBLE(leaf));
        return size == 0.0 || (1e-4 <= size && size < 1e16);
    }
    if (!PyLong_CheckExact(leaf))
        return PyUnicode_CheckExact(leaf) || leaf == Py_None || PyBool_Check(leaf);
    if (is_short(leaf))
        return 1;
    PyLong_AsLongLongAndOverflow(leaf, &over);
    return !over;
}

/* Whether a text or a number is left alone. */
static inline int
is_left_alone(Row *row, PyObject *value, PyObject *label)
{
    int is_labelled = PyUnicode_GET_LENGTH(label) > 0;
    if (PyUnicode_CheckExact(value)) {
        PyObject *known = is_labelled ? PyDict_GetItemWithError(row->texts, label) : row->plain;
        return known != NULL && PySet_Contains(known, value) > 0;
    }
    if (PyFloat_CheckExact(value) || PyLong_CheckExact(value))
        return hot_is_small(value, is_labelled);
    return value == Py_None || PyBool_Check(value);
}

/* Whether a text or a number is left alone, or can be masked by itself. */
static int
is_leaf_for_here(Row *row, PyObject *value, PyObject *label, int depth)
{
    Py_ssize_t before = row->nodes++;
    if (!PyUnicode_CheckExact(value) && !hot_is_sure(value)) {
        row->is_unsure = 1;
        return 0;
    }
    if (is_left_alone(row, value, label))
        return 1;
    if (PyUnicode_CheckExact(value))
        row->letters += PyUnicode_GET_LENGTH(value);
    if (row->spots->count == MOST_SPOTS || row->letters > MOST_LETTERS)
        return 0;
    row->spots->spot[row->spots->count++] = (Spot){row->at - 1, before, label, depth};
    return 1;
}

/* Keep what is known of a name: for good where the name stays, as one that is written in a program does, and there is
   room. None gives way to another, which others hold the label of. */
static Met *
keep_met(Row *row, PyObject *name, PyObject *label)
{
    Met *met = &row->met[(uintptr_t)name >> 4 & (MOST_MET - 1)];
    if (row->lasting != NULL && PyUnicode_CHECK_INTERNED(name)) {
        Met *lasting = &row->lasting[(uintptr_t)name >> 4 & (MOST_NAMES_MET - 1)];
        lasting += lasting->name != NULL;
        if (lasting->name == NULL) {
            met = lasting;
            Py_INCREF(name);
            Py_INCREF(label);
        }
    }
    met->name = name;
    met->label = label;
    met->hash = PyObject_Hash(name);
    return met;
}

/* What is known of a name; NULL where that is nothing. */
static inline Met *
meet(Row *row, PyObject *name)
{
    if (row->lasting != NULL) {
        Met *lasting = &row->lasting[(uintptr_t)name >> 4 & (MOST_NAMES_MET - 1)];
        if (lasting->name == name)
            return lasting;
        if ((++lasting)->name == name)
            return lasting;
    }
    if (!row->has_met) {
        memset(row->met, 0, sizeof(row->met));
        row->has_met = 1;
    }
    Met *met = &row->met[(uintptr_t)name >> 4 & (MOST_MET - 1)];
    if (met->name == name)
        return met;
    PyObject *label = PyUnicode_CheckExact(name) ? PyDict_GetItemWithError(row->labels, name) : NULL;
    return label == NULL ? NULL : keep_met(row, name, label);
}

/* The same of what lies within something: most of that is no container. */
static inline int
is_left_within(Row *row, PyObject *label, int depth)
{
    PyObject *word = row->words[row->at];
    if (IS_HEAD(word))
        return is_left(row, label, depth);
    row->at++;
    return is_leaf_for_here(row, word, label, depth);
}

static inline int
is_hiding(Row *row, PyObject *name)
{
    return row->hidden != NULL && PyUnicode_CheckExact(name) && PySet_Contains(row->hidden, name) == 1;
}

/* Pass by the value that begins at the place in the row, which its name hides; whether there is room to note that. */
static int
hide(Row *row)
{
    if (row->spots->count == MOST_SPOTS)
        return 0;
    row->spots->spot[row->spots->count++] = (Spot){row->at, row->nodes, NULL, 0};
    row->at = past_value(row->words, row->at);
    return 1;
}

/* Whether all entries of a dict are left alone, and none has the name of one before it. */
static int
are_entries_left(Row *row, Py_ssize_t count, int depth)
{
    Py_ssize_t first = row->named;
    unsigned long long seen = 0; /* a bit for some names: where none is set twice, there are no two of one name */
    if (count > MOST_NAMES - first) {
        row->is_unsure = 1;
        return 0;
    }
    for (; count > 0; count--) {
        PyObject *name = row->words[row->at++];
        Met *met = meet(row, name);
        if (met == NULL && !is_hiding(row, name))
            return 0;
        Py_hash_t hash = met == NULL ? PyObject_Hash(name) : met->hash;
        unsigned long long bit = 1ULL << ((size_t)hash & 63);
        if (seen & bit)
            for (Py_ssize_t before = first; before < row->named; before++)
                if (row->names[before] == hash) {
                    row->is_unsure = 1;
                    return 0;
                }
        seen |= bit;
        row->names[row->named++] = hash;
        if (met == NULL ? !hide(row) : !is_left_within(row, met->label, depth + 1))
            return 0;
    }
    row->named = first;
    return 1;
}

/* Whether the value that begins at the place in the row is left alone, as `leaves`, but for spots. */
static int
is_left(Row *row, PyObject *label, int depth)
{
    PyObject *word = row->words[row->at++];
    if (!IS_HEAD(word))
        return is_leaf_for_here(row, word, label, depth);
    Py_ssize_t count = COUNT_OF(word);
    row->nodes++;
    if (depth > row->deepest)
        row->deepest = depth;
    if ((row->left -= count) < 0 || depth > DEEPEST_KNOWN)
        return 0;
    if (IS_DICT(word))
        return are_entries_left(row, count, depth);
    for (; count > 0; count--)
        if (!is_left_within(row, label, depth + 1))
            return 0;
    return 1;
}

/* Whether a row holds only what is left alone, but for spots that can be masked by themselves: 1, 0 where it has to be
   masked as a whole, -1 where only the dicts and lists that can be made of it tell. */
int
hot_judge_row(PyObject *known, PyObject *const *words, Spots *spots)
{
    Row row;
    row.words = words;
    row.labels = PyTuple_GET_ITEM(known, 0);
    row.texts = PyTuple_GET_ITEM(known, 1);
    row.plain = PyDict_GetItemWithError(row.texts, hot.empty);
    row.hidden = hot_hidden_of(PyTuple_GET_ITEM(known, 3));
    row.spots = spots;
    row.at = row.named = row.nodes = row.letters = row.is_unsure = row.deepest = row.has_met = spots->count = 0;
    row.left = MOST_LOOKED_AT;
    row.lasting = hot_names_met(PyTuple_GET_ITEM(known, 3));
    int is_left_so = is_left(&row, hot.empty, 0);
    return row.is_unsure ? -1 : is_left_so && (spots->count == 0 || row.deepest <= DEEPEST_SPOT);
}

/* leaves(labels, texts, value, left, label) */
PyObject *
hot_leaves(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 5 || !PyDict_Check(args[0]) || !PyDict_Check(args[1]) || !PyLong_Check(args[3]) ||
        !PyUnicode_CheckExact(args[4])) {
        PyErr_SetString(PyExc_TypeError, "labels, texts, a value, how many parts to look at, and a label are needed");
        return NULL;
    }
    Py_ssize_t left = leaves(args[0], args[1], args[2], PyLong_AsSsize_t(args[3]), args[4], 0);
    return PyErr_Occurred() ? NULL : PyLong_FromSsize_t(left);
}
