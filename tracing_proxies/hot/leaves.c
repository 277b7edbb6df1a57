/* Masks the texts and numbers of a copy one by one, where its names are known to change nothing, and writes it as JSON. No
   dicts and lists are made of it for that, and copied where a text becomes another. What has to be masked as a whole is
   left to walk.c, and what only dicts and lists can tell to known.c. */
#include "copying.h"

#define MOST_ARGUMENTS 32

/* Write what is masked as JSON. */
PyObject *
hot_json(PyObject *masked)
{
    PyObject *bytes = PyObject_CallOneArg(hot.dumps, masked), *text;
    if (bytes == NULL) { /* what JSON cannot hold */
        PyErr_Clear();
        return PyObject_CallOneArg(hot.to_json, masked);
    }
    text = PyUnicode_DecodeUTF8(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), "strict");
    Py_DECREF(bytes);
    return text;
}

/* Copy a row without what is hidden in it, and hold the labels of its spots, which may be forgotten while they are
   masked; these are moved to where they stand in the copy. */
static Copied *
copy_row(PyObject *const *words, Py_ssize_t size, Spots *spots)
{
    Copied *copied = PyObject_NewVar(Copied, &CopiedType, size);
    Spot *spot = spots->spot, *last = spot + spots->count;
    Py_ssize_t into = 0, at = 0;
    if (copied == NULL)
        return NULL;
    for (; at < size; into++) {
        PyObject *word = words[at];
        if (spot < last && spot->at == at) {
            Py_XINCREF(spot->label);
            spot->at = into;
            at = past_value(words, at) - 1;
            if (spot++->label == NULL && word != Py_None)
                word = hot.hidden;
        }
        copied->words[into] = IS_HEAD(word) ? word : Py_NewRef(word);
        at++;
    }
    Py_SET_SIZE(copied, into);
    return copied;
}

/* Count what is hidden by its name, whatever it is. */
static int
count_hidden(PyObject *known, Spots *spots)
{
    Py_ssize_t many = 0;
    for (Py_ssize_t each = 0; each < spots->count; each++)
        many += spots->spot[each].label == NULL;
    return many == 0 ? 0 : hot_count_hidden(PyTuple_GET_ITEM(known, 3), many);
}

/* Have Python's side mask one spot, as `ask` of walk.c. `more`: nodes in the JSON of the spots before, and in this one's. */
static int
mask_spot(PyObject *walk, Spot *spot, PyObject **word, Py_ssize_t *more)
{
    PyObject *nodes = PyLong_FromSsize_t(spot->nodes + *more), *depth = PyLong_FromLong(spot->depth), *found = NULL;
    if (nodes != NULL && depth != NULL && PyObject_SetAttr(walk, hot.nodes, nodes) == 0) {
        PyObject *args[] = {walk, *word, depth, spot->label, hot.empty, hot.zero};
        found = PyObject_VectorcallMethod(hot.mask_value, args, 6, NULL);
    }
    Py_XDECREF(nodes);
    Py_XDECREF(depth);
    nodes = found == NULL ? NULL : PyObject_GetAttr(walk, hot.nodes);
    if (nodes == NULL) {
        Py_XDECREF(found);
        return -1;
    }
    *more = PyLong_AsSsize_t(nodes) - spot->nodes - 1;
    Py_DECREF(nodes);
    Py_SETREF(*word, found);
    return PyErr_Occurred() ? -1 : 0;
}

/* Mask one spot, where that can be done without Python's side; `walk` is begun where it cannot. */
static int
mask_one(PyObject *known, Spot *spot, PyObject **word, PyObject **walk, Py_ssize_t *more)
{
    if (PyUnicode_CheckExact(*word)) {
        Py_ssize_t nodes = MOST_NODES - spot->nodes - *more - 1;
        PyObject *found = hot_text_again(PyTuple_GET_ITEM(known, 3), *word, spot->label, spot->depth, &nodes);
        if (found != NULL) {
            Py_SETREF(*word, found);
            *more += nodes;
            return 0;
        }
        if (PyErr_Occurred())
            return -1;
    }
    if (*walk == NULL && (*walk = PyObject_CallNoArgs(PyTuple_GET_ITEM(known, 2))) == NULL)
        return -1;
    return mask_spot(*walk, spot, word, more);
}

/* Mask the spots of a row, and write it. */
static PyObject *
mask_spots(PyObject *known, PyObject *const *words, Py_ssize_t size, Spots *spots)
{
    Copied *copied = copy_row(words, size, spots);
    if (copied == NULL)
        return NULL;
    PyObject *walk = NULL, *text = NULL;
    Py_ssize_t more = 0;
    int failed = count_hidden(known, spots) < 0, is_sure = 1;
    for (Py_ssize_t each = 0; each < spots->count; each++) {
        Spot *spot = &spots->spot[each];
        if (!failed && spot->label != NULL) {
            failed = mask_one(known, spot, &copied->words[spot->at], &walk, &more) < 0;
            is_sure &= hot_is_sure(copied->words[spot->at]);
        }
        Py_XDECREF(spot->label);
    }
    Py_XDECREF(walk);
    if (!failed && (!is_sure || (text = hot_write(copied->words)) == NULL)) {
        PyObject *readable = hot_readable((PyObject *)copied);
        text = readable == NULL ? NULL : hot_json(readable);
        Py_XDECREF(readable);
    }
    Py_DECREF(copied);
    return text;
}

/* The JSON of a row, masked; NULL where that is not for here. Tells as well whether it has to be masked for sure. */
static PyObject *
json_of(PyObject *known, PyObject *const *words, Py_ssize_t size, int *is_masked)
{
    Spots spots;
    int is_left = hot_judge_row(known, words, &spots);
    *is_masked = is_left == 0;
    if (is_left <= 0)
        return NULL;
    return spots.count == 0 ? hot_write(words) : mask_spots(known, words, size, &spots);
}

/* The same of a value that is kept. */
PyObject *
hot_kept_json(PyObject *known, PyObject *kept, int *is_masked)
{
    if (hot_is_kept(kept))
        return json_of(known, ((Copied *)kept)->words, Py_SIZE(kept), is_masked);
    return json_of(known, &kept, 1, is_masked);
}

/* The same of arguments and the names of their parameters, of which there are as many. */
PyObject *
hot_arguments_json(PyObject *known, PyObject *names, PyObject *values, int *is_masked)
{
    PyObject *words[1 + 2 * MOST_ARGUMENTS];
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    if (count > MOST_ARGUMENTS)
        return NULL;
    words[0] = HEAD_OF(count, 1);
    for (Py_ssize_t at = 0; at < count; at++) {
        words[1 + 2 * at] = PyTuple_GET_ITEM(names, at);
        words[2 + 2 * at] = PyTuple_GET_ITEM(values, at);
    }
    return json_of(known, words, 1 + 2 * count, is_masked);
}
