/* Tells whether a text is JSON that holds only what masking is known to leave alone: without making the value of it that
   `Leaves._json` of masking/leaves.py makes and looks through, which has the rest. */
#include "copying.h"

#define MOST_NAMES 256 /* in the objects that are open at a time */
#define DEEPEST 30
#define MOST_DIGITS 11
#define MOST_LABELLED 5 /* digits of a number with a label */

typedef struct {
    PyObject *labels, *texts, *text;
    int kind;
    const void *data;
    Py_ssize_t size, at, left;
    Py_ssize_t named;
    Py_hash_t names[MOST_NAMES];
} Json;

static int is_left(Json *json, PyObject *label, int depth);

static inline Py_UCS4
next(Json *json)
{
    return json->at < json->size ? PyUnicode_READ(json->kind, json->data, json->at) : 0;
}

/* The next character that is no blank. */
static inline Py_UCS4
after_blanks(Json *json)
{
    Py_UCS4 sign = next(json);
    while (sign == ' ' || sign == '\n' || sign == '\t' || sign == '\r') {
        json->at++;
        sign = next(json);
    }
    return sign;
}

/* The text in quotes that begins at the place, if it has no escapes; else NULL. */
static PyObject *
take_text(Json *json)
{
    Py_ssize_t start = ++json->at;
    Py_UCS4 sign = next(json);
    while (sign != '"' && sign != '\\' && sign >= ' ') {
        json->at++;
        sign = next(json);
    }
    return sign == '"' ? PyUnicode_Substring(json->text, start, json->at++) : NULL;
}

static inline int
take_digits(Json *json)
{
    int many = 0;
    for (; next(json) >= '0' && next(json) <= '9' && many <= MOST_DIGITS + MOST_DIGITS; json->at++)
        many++;
    return many;
}

/* Whether a number begins at the place that is small, and written without an exponent. */
static int
is_small(Json *json, int is_labelled)
{
    json->at += next(json) == '-';
    int starts_with_zero = next(json) == '0', many = take_digits(json);
    if (many == 0 || many > (is_labelled ? MOST_LABELLED : MOST_DIGITS) || (starts_with_zero && many > 1))
        return 0;
    if (next(json) == '.') {
        json->at++;
        if (take_digits(json) == 0)
            return 0;
    }
    Py_UCS4 sign = next(json);
    return !(sign == 'e' || sign == 'E' || sign == '.' || (sign >= '0' && sign <= '9'));
}

static int
is_word(Json *json, const char *word)
{
    for (; *word != '\0'; word++, json->at++)
        if (next(json) != (Py_UCS4)*word)
            return 0;
    return 1;
}

/* Whether a name that begins at the place changes nothing, and is new in its object; gives what it labels. */
static PyObject *
take_name(Json *json, Py_ssize_t first)
{
    PyObject *name = next(json) == '"' && json->named < MOST_NAMES ? take_text(json) : NULL, *label;
    if (name == NULL)
        return NULL;
    label = PyDict_GetItemWithError(json->labels, name);
    Py_hash_t hash = PyObject_Hash(name);
    Py_DECREF(name);
    for (Py_ssize_t before = first; before < json->named; before++)
        if (json->names[before] == hash)
            return NULL;
    json->names[json->named++] = hash;
    return label;
}

/* Whether all that is in an object or an array, whose bracket was passed, is left alone. */
static int
are_left(Json *json, PyObject *label, Py_UCS4 closing, int depth)
{
    Py_ssize_t first = json->named;
    if (after_blanks(json) != closing)
        for (;; json->at++) {
            PyObject *below = label;
            after_blanks(json);
            if (closing == '}' && ((below = take_name(json, first)) == NULL || after_blanks(json) != ':'))
                return 0;
            json->at += closing == '}';
            if (!is_left(json, below, depth + 1))
                return 0;
            Py_UCS4 sign = after_blanks(json);
            if (sign == closing)
                break;
            if (sign != ',')
                return 0;
        }
    json->at++;
    json->named = first;
    return 1;
}

/* Whether the value that begins at the place is left alone. */
static int
is_left(Json *json, PyObject *label, int depth)
{
    Py_UCS4 sign = after_blanks(json);
    if (--json->left < 0 || depth > DEEPEST)
        return 0;
    if (sign == '{' || sign == '[') {
        json->at++;
        return are_left(json, label, sign == '{' ? '}' : ']', depth);
    }
    if (sign == '"') {
        PyObject *known = PyDict_GetItemWithError(json->texts, label), *text = known == NULL ? NULL : take_text(json);
        int is_known = text != NULL && PySet_Contains(known, text) == 1;
        Py_XDECREF(text);
        return is_known;
    }
    return sign == 't'   ? is_word(json, "true")
           : sign == 'f' ? is_word(json, "false")
           : sign == 'n' ? is_word(json, "null")
                         : is_small(json, PyUnicode_GET_LENGTH(label) > 0);
}

/* How many nodes there are in the JSON of a text that lies so deep, if it holds only what is left alone, and there are no
   more than may be; else -1, without an exception. */
Py_ssize_t
hot_nodes_of_json(PyObject *labels, PyObject *texts, PyObject *text, PyObject *label, int depth, Py_ssize_t most)
{
    Json json;
    json.labels = labels;
    json.texts = texts;
    json.text = text;
    json.kind = PyUnicode_KIND(text);
    json.data = PyUnicode_DATA(text);
    json.size = PyUnicode_GET_LENGTH(text);
    json.left = most;
    json.at = json.named = 0;
    int is_left_so = is_left(&json, label, depth + 1) && after_blanks(&json) == 0 && json.at == json.size;
    if (PyErr_Occurred()) /* no memory */
        PyErr_Clear();
    return is_left_so ? most - json.left : -1;
}
