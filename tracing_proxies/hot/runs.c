/* Finds the runs of digits in a text, and the words before a place, as masking/detectors/digits.py does. */
#include "parts.h"

#define LEAST_DIGITS 7
#define LONGEST_PIECE 12

typedef struct {
    int kind;
    const void *data;
    const char *shape;
    Py_ssize_t size;
} Text;

#define AT(text, at) PyUnicode_READ((text)->kind, (text)->data, (at))

static inline int
is_in_block(char shape)
{
    return shape == '0' || shape == ' ' || shape == '(' || shape == ')' || shape == '.' || shape == '-' || shape == '/';
}

static inline int
is_space(char shape)
{
    return shape == ' ' || shape == '(';
}

/* Whether a number may begin at a place (`_START`): no word before it, no fraction in it or before it. */
static int
starts(Text *text, Py_ssize_t at)
{
    const char *shape = text->shape;
    if (at) {
        char before = shape[at - 1];
        Py_UCS4 written = AT(text, at - 1);
        int word = written < 128 && (before == '0' || before == 'A' || before == 'a' || before == '_');
        int escaped = at >= 2 && (written == 'n' || written == 'r' || written == 't') && AT(text, at - 2) == '\\';
        if (word && !escaped)
            return 0;
        if (at >= 2 && shape[at - 2] == '0' && (written == '.' || written == ','))
            return 0;
    }
    while (at < text->size && shape[at] == '0')
        at++;
    if (at + 1 >= text->size || shape[at] != '.' || shape[at + 1] != '0')
        return 1;
    for (at++; at < text->size && shape[at] == '0';)
        at++;
    return at < text->size && shape[at] == '.';
}

/* Whether a word of three letters or more stands at a place, and nothing goes on with it (`_PLAIN_WORD`). */
static int
is_plain_word(Text *text, Py_ssize_t at)
{
    Py_ssize_t start = at;
    while (at < text->size && Py_UNICODE_ISALNUM(AT(text, at)) && !Py_UNICODE_ISDECIMAL(AT(text, at)) && at - start <= 16)
        at++;
    if (at - start < 3 || at - start > 16)
        return 0;
    return at == text->size || !(Py_UNICODE_ISALNUM(AT(text, at)) || AT(text, at) == '_' || AT(text, at) == '-');
}

static inline int
is_of_code(char shape)
{
    return shape == '0' || shape == 'A' || shape == 'a';
}

static int
is_glued(Text *text, Py_ssize_t start, Py_ssize_t end)
{
    const char *shape = text->shape;
    if (end < text->size) {
        char after = shape[end];
        if (after == 'A' || after == 'a' || after == '_')
            return 1;
        if ((after == '-' || after == ':') && end + 1 < text->size && is_of_code(shape[end + 1]) &&
            !is_plain_word(text, end + 1))
            return 1;
    }
    if (!start || is_space(shape[start - 1]))
        return 0;
    if (shape[start - 1] == '-' || shape[start - 1] == ':') {
        if (start < 2 || !is_of_code(shape[start - 2]))
            return 0;
        for (Py_ssize_t at = start - 2; at >= 0 && start - 2 - at < LONGEST_PIECE; at--) {
            if (!is_of_code(shape[at]) || AT(text, at) > 127)
                return 0;
            if (shape[at] == '0')
                return 1;
        }
        return 0;
    }
    Py_UCS4 before = AT(text, start - 1);
    return before == '#' || before == '$' || before == 0x20AC || before == 0xA3;
}

/* The groups of digits in a block as (start, end), from the first that may begin a number; NULL on an exception. */
static PyObject *
groups_of(Text *text, Py_ssize_t first, Py_ssize_t last, int plain)
{
    PyObject *groups = PyList_New(0);
    for (Py_ssize_t at = first, end; groups != NULL && at < last; at = end) {
        for (end = at; end < last && text->shape[end] == '0';)
            end++;
        if (end == at) {
            end++;
            continue;
        }
        if (!plain && !(plain = starts(text, at)))
            continue;
        PyObject *group = Py_BuildValue("nn", at, end);
        if (group == NULL || PyList_Append(groups, group) < 0)
            Py_CLEAR(groups);
        Py_XDECREF(group);
    }
    return groups;
}

static inline Py_ssize_t
edge_of(PyObject *groups, Py_ssize_t at, int side)
{
    return PyLong_AsSsize_t(PyTuple_GET_ITEM(PyList_GET_ITEM(groups, at), side));
}

static PyObject *
sizes_of(PyObject *groups)
{
    PyObject *sizes = PyTuple_New(PyList_GET_SIZE(groups));
    for (Py_ssize_t at = 0; sizes != NULL && at < PyList_GET_SIZE(groups); at++)
        PyTuple_SET_ITEM(sizes, at, PyLong_FromSsize_t(edge_of(groups, at, 1) - edge_of(groups, at, 0)));
    return sizes;
}

/* Add the run that a block holds, if it does. */
static int
add_run(Text *text, PyObject *runs, PyTypeObject *type, Py_ssize_t first, Py_ssize_t last)
{
    const char *shape = text->shape;
    int plain = first == 0 || is_space(shape[first - 1]), failed = 0;
    Py_ssize_t count = 0;
    for (Py_ssize_t at = first; at < last; at++)
        plain &= shape[at] != '.';
    PyObject *groups = groups_of(text, first, last, plain), *digits = NULL, *run = NULL;
    if (groups == NULL)
        return -1;
    if (PyList_GET_SIZE(groups)) {
        first = edge_of(groups, 0, 0);
        last = edge_of(groups, PyList_GET_SIZE(groups) - 1, 1);
        for (Py_ssize_t at = first; at < last; at++)
            count += shape[at] == '0';
    }
    if (count >= LEAST_DIGITS) {
        Py_ssize_t start = first;
        failed = (digits = PyUnicode_New(count, 127)) == NULL || (run = type->tp_alloc(type, 6)) == NULL;
        if (!failed) {
            Py_UCS1 *digit = PyUnicode_1BYTE_DATA(digits);
            for (Py_ssize_t at = first; at < last; at++)
                if (shape[at] == '0')
                    *digit++ = (Py_UCS1)AT(text, at);
            for (int more = 0; more < 2 && start && (shape[start - 1] == '+' || shape[start - 1] == '('); more++)
                start--;
            PyTuple_SET_ITEM(run, 0, PyLong_FromSsize_t(start));
            PyTuple_SET_ITEM(run, 1, PyLong_FromSsize_t(last));
            PyTuple_SET_ITEM(run, 2, Py_NewRef(groups));
            PyTuple_SET_ITEM(run, 3, Py_NewRef(digits));
            PyTuple_SET_ITEM(run, 4, PyBool_FromLong(is_glued(text, start, last)));
            PyTuple_SET_ITEM(run, 5, sizes_of(groups));
            failed = PyErr_Occurred() || PyList_Append(runs, run) < 0;
        }
    }
    Py_XDECREF(run);
    Py_XDECREF(digits);
    Py_DECREF(groups);
    return failed ? -1 : 0;
}

/* runs(text, shape, the class of runs) */
PyObject *
hot_runs(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyUnicode_CheckExact(args[0]) || !PyUnicode_CheckExact(args[1]) || !PyType_Check(args[2]) ||
        !PyType_IsSubtype((PyTypeObject *)args[2], &PyTuple_Type) || !PyUnicode_IS_ASCII(args[1]) ||
        PyUnicode_GET_LENGTH(args[0]) != PyUnicode_GET_LENGTH(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a text, its shape and a class of tuples are needed");
        return NULL;
    }
    Text text = {PyUnicode_KIND(args[0]), PyUnicode_DATA(args[0]), (const char *)PyUnicode_1BYTE_DATA(args[1]),
                 PyUnicode_GET_LENGTH(args[0])};
    PyObject *runs = PyList_New(0);
    for (Py_ssize_t at = 0, last; runs != NULL && at < text.size; at = last) {
        last = at + 1;
        if (text.shape[at] != '0')
            continue;
        while (last < text.size && is_in_block(text.shape[last]))
            last++;
        if (last - at >= LEAST_DIGITS && add_run(&text, runs, (PyTypeObject *)args[2], at, last) < 0)
            Py_CLEAR(runs);
    }
    return runs;
}

static inline int
is_letter(Text *text, Py_ssize_t at)
{
    Py_UCS4 character = AT(text, at);
    return Py_UNICODE_ISALNUM(character) && !Py_UNICODE_ISDECIMAL(character);
}

/* words(text, start, end): as `_WORD.findall` */
PyObject *
hot_words(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyUnicode_CheckExact(args[0])) {
        PyErr_SetString(PyExc_TypeError, "a text, and where to begin and end are needed");
        return NULL;
    }
    Text text = {PyUnicode_KIND(args[0]), PyUnicode_DATA(args[0]), NULL, PyUnicode_GET_LENGTH(args[0])};
    Py_ssize_t at = PyLong_AsSsize_t(args[1]), limit = PyLong_AsSsize_t(args[2]);
    PyObject *words = PyErr_Occurred() ? NULL : PyList_New(0);
    limit = limit < text.size ? limit : text.size;
    for (Py_ssize_t end; words != NULL && at >= 0 && at < limit; at = end) {
        Py_UCS4 escaped = AT(&text, at) == '\\' && at + 1 < limit ? AT(&text, at + 1) : 0;
        end = at + 1;
        if (escaped == 'n' || escaped == 'r' || escaped == 't')
            end++;
        else if (is_letter(&text, at))
            while (end < limit && is_letter(&text, end))
                end++;
        else
            continue;
        PyObject *word = PyUnicode_Substring(args[0], at, end);
        if (word == NULL || PyList_Append(words, word) < 0)
            Py_CLEAR(words);
        Py_XDECREF(word);
    }
    return words;
}

/* long_words(shape, least) */
PyObject *
hot_long_words(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyUnicode_CheckExact(args[0]) || !PyUnicode_IS_ASCII(args[0]) || !PyLong_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a shape and a number are needed");
        return NULL;
    }
    const char *shape = (const char *)PyUnicode_1BYTE_DATA(args[0]);
    Py_ssize_t size = PyUnicode_GET_LENGTH(args[0]), least = PyLong_AsSsize_t(args[1]), start = 0;
    PyObject *words = PyErr_Occurred() ? NULL : PyList_New(0);
    for (Py_ssize_t at = 0; words != NULL && at <= size; at++) {
        if (at < size && is_of_code(shape[at]))
            continue;
        if (at - start >= least && at > start) {
            PyObject *word = Py_BuildValue("nn", start, at);
            if (word == NULL || PyList_Append(words, word) < 0)
                Py_CLEAR(words);
            Py_XDECREF(word);
        }
        start = at + 1;
    }
    return words;
}
