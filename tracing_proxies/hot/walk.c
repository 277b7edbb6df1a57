/* The walk through a value that is masked, where nothing but keys decide: as `Walk._value` of masking/walk.py, which has
   the rest. Nothing is copied that stays as it is. */
#include "parts.h"

#define DEEPEST_LEARNT 16
#define DEEPEST 14 /* below, what is known may reach deeper than what is masked */

typedef struct {
    PyObject *walk, *keys, *labels, *texts, *again;
    Py_ssize_t nodes;
} Walk;

static PyObject *mask(Walk *walk, PyObject *value, int depth, PyObject *label, int is_plain);

/* Let Python's side of the walk know how far it is, or take up what it has seen. */
static int
tell_nodes(Walk *walk)
{
    PyObject *nodes = PyLong_FromSsize_t(walk->nodes);
    int failed = nodes == NULL || PyObject_SetAttr(walk->walk, hot.nodes, nodes) < 0;
    Py_XDECREF(nodes);
    return failed ? -1 : 0;
}

static int
ask_nodes(Walk *walk)
{
    PyObject *nodes = PyObject_GetAttr(walk->walk, hot.nodes);
    if (nodes == NULL)
        return -1;
    walk->nodes = PyLong_AsSsize_t(nodes);
    Py_DECREF(nodes);
    return PyErr_Occurred() ? -1 : 0;
}

/* Have a method of the walk do something; `level` is how deep it is. */
static PyObject *
ask(Walk *walk, PyObject *method, PyObject **args, size_t nargs, size_t level, int depth)
{
    PyObject *found = NULL;
    args[0] = walk->walk;
    if (tell_nodes(walk) < 0 || (args[level] = PyLong_FromLong(depth)) == NULL)
        return NULL;
    found = PyObject_VectorcallMethod(method, args, nargs, NULL);
    Py_DECREF(args[level]);
    if (found != NULL && ask_nodes(walk) < 0)
        Py_CLEAR(found);
    return found;
}

/* Copy the first of a dict's entries, which have stayed as they are. */
static PyObject *
first_entries(PyObject *dict, Py_ssize_t many)
{
    PyObject *copy = PyDict_New(), *key, *item;
    Py_ssize_t at = 0;
    while (copy != NULL && many-- > 0 && PyDict_Next(dict, &at, &key, &item))
        if (PyDict_SetItem(copy, key, item) < 0)
            Py_CLEAR(copy);
    return copy;
}

/* Mask an entry under a key of which it is known what becomes of it; `copy` is made as soon as anything changes. */
static int
mask_known(Walk *walk, PyObject *dict, Py_ssize_t at, PyObject *key, PyObject *item, PyObject *known, int depth,
           PyObject **copy)
{
    PyObject *new_key = PyTuple_GET_ITEM(known, 0), *label = PyTuple_GET_ITEM(known, 2), *masked;
    int strategy = PyObject_IsTrue(PyTuple_GET_ITEM(known, 1)), failed = 0, is_plain;
    if (strategy > 0) {
        PyObject *args[] = {NULL, key, item, dict, NULL, hot.empty, hot.zero};
        masked = ask(walk, hot.entry, args, 7, 4, depth);
    }
    else {
        is_plain = PyUnicode_GET_LENGTH(label) == 0 || PyDict_Contains(walk->labels, key) == 1;
        masked = mask(walk, item, depth + 1, label, is_plain);
    }
    if (masked == NULL)
        return -1;
    if (*copy == NULL && (masked != item || strategy > 0))
        failed = (*copy = first_entries(dict, at)) == NULL;
    if (!failed && *copy != NULL && masked != hot.GONE)
        failed = PyDict_SetItem(*copy, new_key, masked) < 0;
    Py_DECREF(masked);
    return failed ? -1 : 0;
}

/* Mask an entry of which it is not; 1 if it is the last that is looked at. */
static int
mask_unknown(Walk *walk, PyObject *dict, Py_ssize_t at, PyObject *key, PyObject *item, int depth, PyObject **copy)
{
    if (*copy == NULL && (*copy = first_entries(dict, at)) == NULL)
        return -1;
    PyObject *args[] = {NULL, key, item, dict, NULL, hot.empty, hot.zero, *copy};
    PyObject *last = ask(walk, hot.learn_entry, args, 8, 4, depth);
    int is_last = last == NULL ? -1 : last == Py_True;
    Py_XDECREF(last);
    return is_last;
}

/* What becomes of the entries under a key, where it is known and no other entry has taken its place. A new reference:
   a dict that is made may run the collector, and with it another thread, which learns the key anew. */
static PyObject *
known_of(Walk *walk, PyObject *dict, Py_ssize_t at, PyObject *key, PyObject **copy)
{
    PyObject *known = PyUnicode_CheckExact(key) ? PyDict_GetItemWithError(walk->keys, key) : NULL, *new_key;
    if (known == NULL || walk->nodes >= MOST_NODES)
        return NULL;
    Py_INCREF(known);
    new_key = PyTuple_GET_ITEM(known, 0);
    if (*copy == NULL && (new_key == key || PyUnicode_Compare(new_key, key) == 0))
        return known;
    if ((*copy == NULL && (*copy = first_entries(dict, at)) == NULL) || PyDict_Contains(*copy, new_key) != 0)
        Py_CLEAR(known);
    return known;
}

static PyObject *
mask_dict(Walk *walk, PyObject *dict, int depth)
{
    PyObject *copy = NULL, *key, *item, *known;
    Py_ssize_t place = 0, size = PyDict_GET_SIZE(dict);
    int done = 0;
    for (Py_ssize_t at = 0; !done && PyDict_Next(dict, &place, &key, &item); at++) {
        Py_INCREF(key);
        Py_INCREF(item);
        known = known_of(walk, dict, at, key, &copy);
        if (PyErr_Occurred())
            done = -1;
        else if (known != NULL)
            done = mask_known(walk, dict, at, key, item, known, depth, &copy);
        else
            done = mask_unknown(walk, dict, at, key, item, depth, &copy);
        Py_XDECREF(known);
        Py_DECREF(key);
        Py_DECREF(item);
        if (done == 0 && PyDict_GET_SIZE(dict) != size) {
            PyErr_SetString(PyExc_RuntimeError, "dictionary changed size during iteration");
            done = -1;
        }
    }
    PyObject *found = copy == NULL ? dict : copy;
    if (done >= 0 &&
        (PyDict_Contains(found, hot.fold_value) == 1 || PyDict_Contains(found, hot.capital_value) == 1) &&
        (copy != NULL || (copy = first_entries(dict, size)) != NULL)) {
        PyObject *args[] = {NULL, dict, copy, NULL, hot.empty, hot.zero};
        PyObject *paired = ask(walk, hot.mask_pair, args, 6, 3, depth);
        Py_XDECREF(paired);
    }
    if (PyErr_Occurred()) {
        Py_XDECREF(copy);
        return NULL;
    }
    return copy == NULL ? Py_NewRef(dict) : copy;
}

static PyObject *
mask_items(Walk *walk, PyObject *items, int depth, PyObject *label, int is_plain)
{
    PyObject *copy = NULL, *item, *masked;
    int failed = 0, is_full = 0;
    for (Py_ssize_t at = 0; !failed && !is_full && at < PySequence_Fast_GET_SIZE(items); at++) {
        is_full = walk->nodes >= MOST_NODES;
        item = Py_NewRef(PySequence_Fast_GET_ITEM(items, at));
        masked = is_full ? Py_NewRef(hot.too_large) : mask(walk, item, depth + 1, label, is_plain);
        failed = masked == NULL;
        if (!failed && copy == NULL && masked != item)
            failed = (copy = PyList_GetSlice(items, 0, at)) == NULL;
        if (!failed && copy != NULL)
            failed = PyList_Append(copy, masked) < 0;
        Py_XDECREF(masked);
        Py_DECREF(item);
    }
    if (failed) {
        Py_XDECREF(copy);
        return NULL;
    }
    return copy == NULL ? Py_NewRef(items) : copy;
}

static PyObject *
mask_tuple(Walk *walk, PyObject *items, int depth, PyObject *label, int is_plain)
{
    PyObject *list = PySequence_List(items), *masked, *found;
    if (list == NULL)
        return NULL;
    masked = mask_items(walk, list, depth, label, is_plain);
    found = masked == NULL ? NULL : masked == list ? Py_NewRef(items) : PyList_AsTuple(masked);
    Py_XDECREF(masked);
    Py_DECREF(list);
    return found;
}

/* `is_plain`: whether the label does not say that a fraction is a place. */
static PyObject *
mask(Walk *walk, PyObject *value, int depth, PyObject *label, int is_plain)
{
    PyObject *found, *known;
    int is_left = 0;
    if (walk->nodes < MOST_NODES) {
        if (value == Py_None || PyBool_Check(value))
            is_left = 1;
        else if (PyUnicode_CheckExact(value)) {
            known = PyDict_GetItemWithError(walk->texts, label);
            is_left = known != NULL && PySet_Contains(known, value) == 1;
        }
        else if (PyLong_CheckExact(value) || (PyFloat_CheckExact(value) && is_plain))
            is_left = hot_is_small(value, PyUnicode_GET_LENGTH(label) > 0);
        else if (depth < DEEPEST && walk->nodes < MOST_NODES - 2 * MOST_LOOKED_AT &&
                 (PyDict_CheckExact(value) || PyList_CheckExact(value) || PyTuple_CheckExact(value))) {
            walk->nodes++;
            found = PyDict_CheckExact(value)   ? mask_dict(walk, value, depth)
                    : PyList_CheckExact(value) ? mask_items(walk, value, depth, label, is_plain)
                                               : mask_tuple(walk, value, depth, label, is_plain);
            if (found == NULL && hot_contain("masking") == 0)
                found = Py_NewRef(hot.failed_to_mask);
            return found;
        }
        if (PyErr_Occurred())
            return NULL;
        if (is_left) {
            walk->nodes++;
            return Py_NewRef(value);
        }
    }
    if (PyUnicode_CheckExact(value) && walk->again != NULL && depth <= DEEPEST_LEARNT && walk->nodes < MOST_NODES) {
        Py_ssize_t nodes = MOST_NODES - walk->nodes - 1;
        found = hot_text_again(walk->again, value, label, depth, &nodes);
        if (found != NULL || PyErr_Occurred()) {
            walk->nodes += 1 + nodes;
            return found;
        }
    }
    PyObject *args[] = {NULL, value, NULL, label, hot.empty, hot.zero};
    return ask(walk, hot.mask_value, args, 6, 2, depth);
}

/* walk(the Walk, keys, labels, texts, value, depth, label, what masks texts without it) */
PyObject *
hot_walk(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs < 7 || nargs > 8 || !PyDict_Check(args[1]) || !PyDict_Check(args[2]) || !PyDict_Check(args[3]) ||
        !PyLong_Check(args[5]) || !PyUnicode_CheckExact(args[6])) {
        PyErr_SetString(PyExc_TypeError, "a walk, keys, labels, texts, a value, its depth and its label are needed");
        return NULL;
    }
    Walk walk = {args[0], args[1], args[2], args[3], nargs > 7 ? args[7] : NULL, 0};
    if (ask_nodes(&walk) < 0)
        return NULL;
    PyObject *found = mask(&walk, args[4], (int)PyLong_AsLong(args[5]), args[6], PyUnicode_GET_LENGTH(args[6]) == 0);
    if (found != NULL && tell_nodes(&walk) < 0)
        Py_CLEAR(found);
    return found;
}
