/* Finds the keys that are written within a text, as `find_key` of masking/fragments.py. */
#include "parts.h"

#define LONGEST_NAME 64
#define MOST_BLANKS 4

typedef struct {
    int kind;
    const void *data;
    Py_ssize_t size;
} Text;

static inline Py_UCS4
at(Text *text, Py_ssize_t place)
{
    return place < text->size ? PyUnicode_READ(text->kind, text->data, place) : 0;
}

static inline int
is_word(Py_UCS4 sign)
{
    return sign < 128 ? Py_ISALNUM(sign) || sign == '_' : Py_UNICODE_ISALNUM(sign);
}

static inline int
is_first(Py_UCS4 sign)
{
    return is_word(sign) && !Py_UNICODE_ISDECIMAL(sign);
}

static inline Py_ssize_t
past_blanks(Text *text, Py_ssize_t place)
{
    for (int many = 0; many < MOST_BLANKS && place < text->size && Py_UNICODE_ISSPACE(at(text, place)); many++)
        place++;
    return place;
}

/* Where the value begins behind a key that ends here; -1 if nothing assigns one. */
static Py_ssize_t
past_sign(Text *text, Py_ssize_t place)
{
    place = past_blanks(text, place);
    if (at(text, place) != ':' && at(text, place) != '=')
        return -1;
    place += at(text, place) == '=' && at(text, place + 1) == '>' ? 2 : 1;
    return past_blanks(text, place);
}

/* Find the next key from a place on; where its name begins and ends, and its value begins. */
static int
next_key(Text *text, Py_ssize_t place, Py_ssize_t *start, Py_ssize_t *end, Py_ssize_t *value)
{
    while (place < text->size) {
        Py_UCS4 sign = at(text, place);
        if (sign == '"' || sign == '\'') {
            Py_ssize_t last = ++place;
            while (last < text->size && last - place <= LONGEST_NAME && at(text, last) != '"' &&
                   at(text, last) != '\'' && at(text, last) != '\\' && at(text, last) != '\n')
                last++;
            if (last > place && last - place <= LONGEST_NAME && (at(text, last) == '"' || at(text, last) == '\'') &&
                (*value = past_sign(text, last + 1)) >= 0) {
                *start = place;
                *end = last;
                return 1;
            }
        }
        else if (is_first(sign)) {
            Py_ssize_t last = place;
            while (last < text->size && (is_word(at(text, last)) || at(text, last) == '.' || at(text, last) == '-'))
                last++;
            if ((*value = past_sign(text, last)) >= 0) {
                if (last - place > LONGEST_NAME)
                    place = last - LONGEST_NAME;
                while (place < last && !is_first(at(text, place)))
                    place++;
                if (place < last) {
                    *start = place;
                    *end = last;
                    return 1;
                }
            }
            place = last;
        }
        else
            place++;
    }
    return 0;
}

/* find_key(text, place, listed): the name, and where its value begins; None if there is none */
PyObject *
hot_find_key(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 3 || !PyUnicode_Check(args[0]) || !PyLong_Check(args[1]) || !PyDict_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "a text, a place, and what is known of names are needed");
        return NULL;
    }
    Text text = {PyUnicode_KIND(args[0]), PyUnicode_DATA(args[0]), PyUnicode_GET_LENGTH(args[0])};
    Py_ssize_t start, end, place = PyLong_AsSsize_t(args[1]);
    if (place < 0)
        return PyErr_Occurred() ? NULL : (PyErr_SetString(PyExc_ValueError, "a place within the text"), NULL);
    while (next_key(&text, place, &start, &end, &place)) {
        PyObject *name = PyUnicode_Substring(args[0], start, end), *strategy;
        if (name == NULL)
            return NULL;
        strategy = PyDict_GetItemWithError(args[2], name);
        int is_listed = strategy == NULL ? !PyErr_Occurred() : PyObject_IsTrue(strategy);
        if (is_listed > 0)
            return Py_BuildValue("Nn", name, place);
        Py_DECREF(name);
        if (is_listed < 0 || PyErr_Occurred())
            return NULL;
    }
    Py_RETURN_NONE;
}
