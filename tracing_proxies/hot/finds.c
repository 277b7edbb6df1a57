/* What is found in a text, and what becomes of it: merged where places overlap, and replaced, as masking/scan.py does
   it. Spans are tuples of start, end and class; only builtin objects are compared, which runs no other code. */
#include "parts.h"

/* What `find` is given besides the text, in this order; the tuple that holds them lives as long as the call. */
enum { LOOK, READERS, SEARCH, JUDGES, RUN, WHOLE, RANKS, BLANK, APART, AFAR, BEFORE, BEHIND, WAYS };

enum { RUNS = 128, ANY = 256 }; /* of `Form` */

static int
is_span(PyObject *span)
{
    return PyTuple_CheckExact(span) && PyTuple_GET_SIZE(span) == 3 && PyLong_CheckExact(PyTuple_GET_ITEM(span, 0)) &&
           PyLong_CheckExact(PyTuple_GET_ITEM(span, 1)) && PyUnicode_CheckExact(PyTuple_GET_ITEM(span, 2));
}

/* A list of our own with the same spans; NULL on an exception. */
static PyObject *
spans_of(PyObject *given)
{
    PyObject *spans;
    if (!PyList_CheckExact(given)) {
        PyErr_SetString(PyExc_TypeError, "a list of spans is needed");
        return NULL;
    }
    if ((spans = PySequence_List(given)) == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        if (!is_span(PyList_GET_ITEM(spans, at))) {
            Py_DECREF(spans);
            PyErr_SetString(PyExc_TypeError, "spans of start, end and class are needed");
            return NULL;
        }
    }
    return spans;
}

static inline Py_ssize_t
edge_of(PyObject *span, int side)
{
    return PyLong_AsSsize_t(PyTuple_GET_ITEM(span, side));
}

/* The rank of a class; -1 on an exception. */
static Py_ssize_t
rank_of(PyObject *ranks, PyObject *name)
{
    PyObject *rank = PyDict_GetItemWithError(ranks, name);
    if (rank == NULL && !PyErr_Occurred())
        PyErr_SetObject(PyExc_KeyError, name);
    return rank == NULL ? -1 : PyLong_AsSsize_t(rank);
}

static int
append_span(PyObject *merged, PyObject *start, Py_ssize_t end, PyObject *name)
{
    PyObject *span = Py_BuildValue("OnO", start, end, name);
    int failed = span == NULL ? -1 : PyList_Append(merged, span);
    Py_XDECREF(span);
    return failed;
}

/* merged(spans, ranks) */
PyObject *
hot_merged(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *spans, *merged = NULL, *start = NULL, *name = NULL;
    Py_ssize_t end = 0;
    if (nargs != 2 || !PyDict_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "spans and a dict of ranks are needed");
        return NULL;
    }
    if ((spans = spans_of(args[0])) == NULL)
        return NULL;
    if (PyList_Sort(spans) < 0 || (merged = PyList_New(0)) == NULL)
        goto failed;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at), *next = PyTuple_GET_ITEM(span, 2);
        if (at && edge_of(span, 0) < end) {
            Py_ssize_t rank = rank_of(args[1], name), other = rank_of(args[1], next);
            if (PyErr_Occurred())
                goto failed;
            end = edge_of(span, 1) > end ? edge_of(span, 1) : end;
            name = other < rank ? next : name;
            continue;
        }
        if (at && append_span(merged, start, end, name) < 0)
            goto failed;
        start = PyTuple_GET_ITEM(span, 0);
        end = edge_of(span, 1);
        name = next;
    }
    if (start != NULL && append_span(merged, start, end, name) < 0)
        goto failed;
    if (PyErr_Occurred()) /* a place beyond what a text can have */
        goto failed;
    Py_DECREF(spans);
    return merged;
failed:
    Py_DECREF(spans);
    Py_XDECREF(merged);
    return NULL;
}

static int
append_piece(PyObject *pieces, PyObject *text, Py_ssize_t from, Py_ssize_t to)
{
    PyObject *piece;
    int failed;
    if (from == to)
        return 0;
    piece = PyUnicode_Substring(text, from, to);
    failed = piece == NULL ? -1 : PyList_Append(pieces, piece);
    Py_XDECREF(piece);
    return failed;
}

/* Count some more of a class. */
int
hot_count_hits(PyObject *counted, PyObject *name, Py_ssize_t many_more)
{
    PyObject *many = PyDict_GetItemWithError(counted, name), *more;
    int failed;
    if (many == NULL && PyErr_Occurred())
        return -1;
    if ((more = PyLong_FromSsize_t((many == NULL ? 0 : PyLong_AsSsize_t(many)) + many_more)) == NULL)
        return -1;
    failed = PyErr_Occurred() ? -1 : PyDict_SetItem(counted, name, more);
    Py_DECREF(more);
    return failed;
}

/* What stands for a value of a class: the same for all of them, or what a callable gives for this one. */
static PyObject *
instead_of(PyObject *known, PyObject *replace, PyObject *name, PyObject *text, Py_ssize_t from, Py_ssize_t to)
{
    PyObject *instead = PyDict_GetItemWithError(known, name), *value;
    if (instead != NULL || PyErr_Occurred())
        return Py_XNewRef(instead);
    if ((value = PyUnicode_Substring(text, from, to)) == NULL)
        return NULL;
    instead = PyObject_CallFunctionObjArgs(replace, name, value, NULL);
    Py_DECREF(value);
    return instead;
}

/* replaced(text, spans in order and without overlaps, what stands for a class, what gives it else, counts by class) */
PyObject *
hot_replaced(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    PyObject *spans, *pieces = NULL, *masked = NULL;
    Py_ssize_t past = 0;
    if (nargs != 5 || !PyUnicode_CheckExact(args[0]) || !PyDict_CheckExact(args[2]) || !PyDict_Check(args[4])) {
        PyErr_SetString(PyExc_TypeError, "a text, spans, a dict of texts, a callable and a dict of counts are needed");
        return NULL;
    }
    if ((spans = spans_of(args[1])) == NULL)
        return NULL;
    if ((pieces = PyList_New(0)) == NULL)
        goto end;
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at), *name = PyTuple_GET_ITEM(span, 2), *instead;
        Py_ssize_t from = edge_of(span, 0), to = edge_of(span, 1);
        int failed;
        if (from < past || to < from || to > PyUnicode_GET_LENGTH(args[0])) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "spans of the text, in order and without overlaps, are needed");
            goto end;
        }
        if (append_piece(pieces, args[0], past, from) < 0 ||
            (instead = instead_of(args[2], args[3], name, args[0], from, to)) == NULL)
            goto end;
        failed = PyList_Append(pieces, instead) < 0 || hot_count_hits(args[4], name, 1) < 0;
        Py_DECREF(instead);
        if (failed)
            goto end;
        past = to;
    }
    if (append_piece(pieces, args[0], past, PyUnicode_GET_LENGTH(args[0])) == 0)
        masked = PyUnicode_Join(hot.empty, pieces);
end:
    Py_DECREF(spans);
    Py_XDECREF(pieces);
    return masked;
}

/* Add to a list what a call has given, whose reference goes. */
static int
extend(PyObject *found, PyObject *more)
{
    PyObject *same;
    if (more == NULL)
        return -1;
    if (PyTuple_CheckExact(more) && !PyTuple_GET_SIZE(more)) {
        Py_DECREF(more);
        return 0;
    }
    same = PySequence_InPlaceConcat(found, more);
    Py_DECREF(more);
    Py_XDECREF(same);
    return same == NULL ? -1 : 0;
}

/* Read where anchors stand; 1 if all that had any is steady. */
static int
read_places(PyObject *readers, PyObject *text, PyObject *lower, PyObject *anchored, PyObject *found)
{
    Py_ssize_t at = 0;
    PyObject *key, *places;
    int steady = 1;
    while (PyDict_Next(anchored, &at, &key, &places)) {
        Py_ssize_t number = PyLong_AsSsize_t(key);
        PyObject *reader, *given[3] = {text, lower, places};
        int failed;
        if (number < 0 || number >= PyTuple_GET_SIZE(readers)) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_IndexError, "a part that nobody reads for");
            return -1;
        }
        reader = PyTuple_GET_ITEM(readers, number);
        Py_INCREF(places);
        failed = extend(found, PyObject_Vectorcall(PyTuple_GET_ITEM(reader, 0), given, 3, NULL));
        Py_DECREF(places);
        if (failed)
            return -1;
        steady &= PyTuple_GET_ITEM(reader, 1) == Py_True;
    }
    return steady;
}

/* Ask the judges of a run in turn; 1 if one claims all of it, 0 if one claims a part, 2 if none does. */
static int
judge_run(PyObject *judges, PyObject *run, PyObject *text, PyObject *lower, PyObject *found)
{
    PyObject *given[3] = {run, text, lower}, *groups = PyTuple_GET_ITEM(run, 2), *last;
    Py_ssize_t before = PyList_GET_SIZE(found), size = PyUnicode_GET_LENGTH(PyTuple_GET_ITEM(run, 3));
    PyObject *asked = PyTuple_GET_ITEM(judges, size < PyTuple_GET_SIZE(judges) ? size : PyTuple_GET_SIZE(judges) - 1);
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(asked); at++) {
        if (extend(found, PyObject_Vectorcall(PyTuple_GET_ITEM(asked, at), given, 3, NULL)) < 0)
            return -1;
        if (PyList_GET_SIZE(found) <= before)
            continue;
        last = PyList_GET_ITEM(found, PyList_GET_SIZE(found) - 1);
        if (!is_span(last)) {
            PyErr_SetString(PyExc_TypeError, "judges give spans");
            return -1;
        }
        return edge_of(last, 0) <= PyLong_AsSsize_t(PyTuple_GET_ITEM(PyList_GET_ITEM(groups, 0), 0)) &&
               edge_of(last, 1) >= PyLong_AsSsize_t(PyTuple_GET_ITEM(run, 1));
    }
    return 2;
}

/* Judge all runs of digits; 1 if those that anybody claims are claimed as a whole. */
static int
judge_runs(PyObject *ways, PyObject *text, PyObject *lower, PyObject *shape, PyObject *found, PyObject *unjudged)
{
    PyObject *given[3] = {text, shape, PyTuple_GET_ITEM(ways, RUN)}, *runs = hot_runs(NULL, given, 3);
    int settled = 1;
    if (runs == NULL)
        return -1;
    for (Py_ssize_t at = 0; settled >= 0 && at < PyList_GET_SIZE(runs); at++) {
        PyObject *run = PyList_GET_ITEM(runs, at);
        int claimed = judge_run(PyTuple_GET_ITEM(ways, JUDGES), run, text, lower, found);
        if (claimed < 0 || (claimed == 2 && PyList_Append(unjudged, run) < 0))
            settled = -1;
        else
            settled &= claimed != 0;
    }
    Py_DECREF(runs);
    return settled;
}

static inline int
is_among(PyObject *characters, PyObject *text, Py_ssize_t at)
{
    return PyUnicode_FindChar(characters, PyUnicode_READ_CHAR(text, at), 0, PyUnicode_GET_LENGTH(characters), 1) >= 0;
}

/* Whether all spans stand apart from what is beside them, so that nothing new can be read there without them. */
static int
all_apart(PyObject *ways, PyObject *text, PyObject *spans)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    for (Py_ssize_t at = 0; at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at), *answer;
        Py_ssize_t start, end;
        int apart;
        if (!is_span(span) || (start = edge_of(span, 0)) < 0 || (end = edge_of(span, 1)) < start || end > size) {
            if (!PyErr_Occurred())
                PyErr_SetString(PyExc_ValueError, "spans of the text are needed");
            return -1;
        }
        if ((end == size || is_among(PyTuple_GET_ITEM(ways, BEHIND), text, end)) &&
            (start == 0 || is_among(PyTuple_GET_ITEM(ways, BEFORE), text, start - 1)))
            continue;
        answer = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(ways, APART), text, PyTuple_GET_ITEM(span, 0),
                                              PyTuple_GET_ITEM(span, 1), PyTuple_GET_ITEM(span, 2), NULL);
        apart = answer == NULL ? -1 : PyObject_IsTrue(answer);
        Py_XDECREF(answer);
        if (apart <= 0)
            return apart;
    }
    return 1;
}

static int
fits(PyObject *ways)
{
    static const int tuples[] = {READERS, JUDGES};
    if (!PyTuple_CheckExact(ways) || PyTuple_GET_SIZE(ways) != WAYS)
        return 0;
    for (size_t each = 0; each < 2; each++)
        if (!PyTuple_CheckExact(PyTuple_GET_ITEM(ways, tuples[each])) ||
            !PyTuple_GET_SIZE(PyTuple_GET_ITEM(ways, tuples[each])))
            return 0;
    return PyUnicode_CheckExact(PyTuple_GET_ITEM(ways, BEFORE)) && PyUnicode_CheckExact(PyTuple_GET_ITEM(ways, BEHIND));
}

/* The places behind a label in the places of the text alone; those that begin before it are left out. */
static PyObject *
shifted(PyObject *spans, Py_ssize_t offset)
{
    PyObject *found = PyList_New(0);
    for (Py_ssize_t at = 0; found != NULL && at < PyList_GET_SIZE(spans); at++) {
        PyObject *span = PyList_GET_ITEM(spans, at), *moved;
        if (!is_span(span)) {
            PyErr_SetString(PyExc_TypeError, "spans of start, end and class are needed");
            Py_CLEAR(found);
            break;
        }
        Py_ssize_t start = edge_of(span, 0), end = edge_of(span, 1);
        if (start < offset && !PyErr_Occurred())
            continue;
        moved = PyErr_Occurred() ? NULL : Py_BuildValue("nnO", start - offset, end - offset, PyTuple_GET_ITEM(span, 2));
        if (moved == NULL || PyList_Append(found, moved) < 0)
            Py_CLEAR(found);
        Py_XDECREF(moved);
    }
    return found;
}

/* What is read of a text under a label: both, with the words in markers wiped. */
static PyObject *
read_together(PyObject *ways, PyObject *text, PyObject *label)
{
    PyObject *read = PyUnicode_GET_LENGTH(label) ? PyUnicode_Concat(label, text) : Py_NewRef(text);
    if (read != NULL && PyUnicode_FindChar(read, '[', 0, PyUnicode_GET_LENGTH(read), 1) >= 0)
        Py_SETREF(read, PyObject_CallOneArg(PyTuple_GET_ITEM(ways, BLANK), read));
    if (read != NULL &&
        (!PyUnicode_CheckExact(read) ||
         PyUnicode_GET_LENGTH(read) != PyUnicode_GET_LENGTH(label) + PyUnicode_GET_LENGTH(text))) {
        PyErr_SetString(PyExc_TypeError, "a text as long as the one that was read is needed");
        Py_CLEAR(read);
    }
    return read;
}

/* Merge what is found, and move it to where it stands in the text alone; `found` is taken over. */
static PyObject *
settle_places(PyObject *ways, PyObject *found, Py_ssize_t offset)
{
    if (PyList_GET_SIZE(found) > 1) {
        PyObject *given[2] = {found, PyTuple_GET_ITEM(ways, RANKS)};
        Py_SETREF(found, hot_merged(NULL, given, 2));
    }
    if (found != NULL && offset && PyList_GET_SIZE(found))
        Py_SETREF(found, shifted(found, offset));
    return found;
}

/* What is found in a text under a label, in order and without overlaps, as a list; `is_settled`: whether masking it
   leaves nothing to be found. */
static PyObject *
find(PyObject *text, PyObject *label, PyObject *ways, int *is_settled)
{
    PyObject *read, *looked = NULL, *found = NULL, *unjudged = NULL, *lower, *shape;
    Py_ssize_t offset = PyUnicode_GET_LENGTH(label);
    long forms;
    int settled = 1, more;
    if ((read = read_together(ways, text, label)) == NULL ||
        (looked = PyObject_CallOneArg(PyTuple_GET_ITEM(ways, LOOK), read)) == NULL || (found = PyList_New(0)) == NULL ||
        (unjudged = PyList_New(0)) == NULL)
        goto failed;
    if (looked == Py_None)
        goto end;
    if (!PyTuple_CheckExact(looked) || PyTuple_GET_SIZE(looked) != 4 || !PyDict_CheckExact(PyTuple_GET_ITEM(looked, 2))) {
        PyErr_SetString(PyExc_TypeError, "a look gives lower case, shape, places and forms");
        goto failed;
    }
    lower = PyTuple_GET_ITEM(looked, 0);
    shape = PyTuple_GET_ITEM(looked, 1);
    forms = PyLong_AsLong(PyTuple_GET_ITEM(looked, 3));
    if (PyErr_Occurred() ||
        (settled = read_places(PyTuple_GET_ITEM(ways, READERS), read, lower, PyTuple_GET_ITEM(looked, 2), found)) < 0)
        goto failed;
    if (forms) {
        if (forms & ~(RUNS | ANY)) {
            PyObject *given[5] = {read, lower, shape, PyTuple_GET_ITEM(looked, 3), found};
            PyObject *nothing = PyObject_Vectorcall(PyTuple_GET_ITEM(ways, SEARCH), given, 5, NULL);
            if (nothing == NULL)
                goto failed;
            Py_DECREF(nothing);
        }
        if (forms & RUNS) {
            if ((more = judge_runs(ways, read, lower, shape, found, unjudged)) < 0)
                goto failed;
            settled &= more;
        }
        if (!offset && !PyList_GET_SIZE(found) && PyUnicode_GET_LENGTH(text) <= LONGEST_WHOLE) {
            if (extend(found, PyObject_CallOneArg(PyTuple_GET_ITEM(ways, WHOLE), read)) < 0)
                goto failed;
        }
    }
    if ((found = settle_places(ways, found, offset)) == NULL)
        goto failed;
    if (settled && (settled = all_apart(ways, text, found)) < 0)
        goto failed;
    if (settled && PyList_GET_SIZE(unjudged) && PyList_GET_SIZE(found)) {
        PyObject *before = PyLong_FromSsize_t(offset), *apart = NULL;
        if (before != NULL)
            apart = PyObject_CallFunctionObjArgs(PyTuple_GET_ITEM(ways, AFAR), text, unjudged, found, before, NULL);
        Py_XDECREF(before);
        settled = apart == NULL ? -1 : PyObject_IsTrue(apart);
        Py_XDECREF(apart);
        if (settled < 0)
            goto failed;
    }
    *is_settled = settled || !PyList_GET_SIZE(found);
end:
    Py_DECREF(read);
    Py_DECREF(looked);
    Py_DECREF(unjudged);
    return found;
failed:
    Py_XDECREF(read);
    Py_XDECREF(looked);
    Py_XDECREF(found);
    Py_XDECREF(unjudged);
    return NULL;
}

/* find(text, ways, label): what is found, in order and without overlaps, and whether masking it leaves nothing */
PyObject *
hot_find(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    int settled = 1;
    PyObject *found, *answer;
    if (nargs < 2 || nargs > 3 || !PyUnicode_CheckExact(args[0]) || !fits(args[1]) ||
        (nargs > 2 && !PyUnicode_CheckExact(args[2]))) {
        PyErr_SetString(PyExc_TypeError, "a text, the ways to find something in it, and its label are needed");
        return NULL;
    }
    if ((found = find(args[0], nargs > 2 ? args[2] : hot.empty, args[1], &settled)) == NULL)
        return NULL;
    answer = PyTuple_Pack(2, found, settled ? Py_True : Py_False);
    Py_DECREF(found);
    return answer;
}

/* mask(text, ways, what stands for a class, what gives it else, counts by class, passes at most, label): as `Scanner.mask` */
PyObject *
hot_mask(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    long passes = nargs >= 6 ? PyLong_AsLong(args[5]) : 0;
    int settled = 0;
    PyObject *masked, *spans, *next;
    if (nargs < 6 || nargs > 7 || !PyUnicode_CheckExact(args[0]) || (nargs > 6 && !PyUnicode_CheckExact(args[6]))) {
        PyErr_SetString(PyExc_TypeError, "a text, and how to mask it, are needed");
        return NULL;
    }
    if (PyErr_Occurred())
        return NULL;
    if (!fits(args[1])) {
        PyErr_SetString(PyExc_TypeError, "the ways to find something are needed");
        return NULL;
    }
    masked = Py_NewRef(args[0]);
    while (passes-- > 0 && !settled && hot_is_worth(masked)) {
        settled = 1;
        if ((spans = find(masked, nargs > 6 ? args[6] : hot.empty, args[1], &settled)) == NULL) {
            Py_DECREF(masked);
            return NULL;
        }
        if (!PyList_GET_SIZE(spans)) {
            Py_DECREF(spans);
            break;
        }
        PyObject *replacing[5] = {masked, spans, args[2], args[3], args[4]};
        next = hot_replaced(NULL, replacing, 5);
        Py_DECREF(spans);
        Py_DECREF(masked);
        if ((masked = next) == NULL)
            return NULL;
    }
    return masked;
}
