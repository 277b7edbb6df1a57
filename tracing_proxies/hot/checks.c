/* Sums over digits, and whether a word looks generated, as masking/checks.py and masking/detectors/values.py tell it. */
#include "parts.h"

/* The digits of a text of ASCII; NULL on an exception. */
static const Py_UCS1 *
digits_of(PyObject *text, Py_ssize_t *size)
{
    const Py_UCS1 *digits;
    if (!PyUnicode_Check(text) || !PyUnicode_IS_ASCII(text)) {
        PyErr_SetString(PyExc_ValueError, "digits of ASCII are needed");
        return NULL;
    }
    digits = PyUnicode_1BYTE_DATA(text);
    *size = PyUnicode_GET_LENGTH(text);
    for (Py_ssize_t at = 0; at < *size; at++)
        if (digits[at] < '0' || digits[at] > '9') {
            PyErr_SetString(PyExc_ValueError, "digits of ASCII are needed");
            return NULL;
        }
    return digits;
}

/* luhn(digits) */
PyObject *
hot_luhn(PyObject *module, PyObject *text)
{
    Py_ssize_t size;
    const Py_UCS1 *digits = digits_of(text, &size);
    unsigned long total = 0;
    if (digits == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < size; at++) {
        unsigned digit = digits[size - 1 - at] - '0';
        total += at & 1 ? digit * 2 - (digit > 4 ? 9 : 0) : digit;
    }
    return PyBool_FromLong(total % 10 == 0);
}

/* weighted(digits, weights, modulus) */
PyObject *
hot_weighted(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t size;
    const Py_UCS1 *digits;
    long modulus, total = 0;
    if (nargs != 3 || !PyTuple_Check(args[1])) {
        PyErr_SetString(PyExc_TypeError, "digits, a tuple of weights and a modulus are needed");
        return NULL;
    }
    if ((digits = digits_of(args[0], &size)) == NULL || ((modulus = PyLong_AsLong(args[2])) == -1 && PyErr_Occurred()))
        return NULL;
    if (modulus < 1 || modulus > 1000) {
        PyErr_SetString(PyExc_ValueError, "a modulus from 1 to 1000 is needed");
        return NULL;
    }
    for (Py_ssize_t at = 0; at < size && at < PyTuple_GET_SIZE(args[1]); at++) {
        long weight = PyLong_AsLong(PyTuple_GET_ITEM(args[1], at));
        if (weight == -1 && PyErr_Occurred())
            return NULL;
        total = (total + (long)(digits[at] - '0') * (weight % modulus)) % modulus;
    }
    return PyLong_FromLong(total < 0 ? total + modulus : total);
}

/* is_random(value, least=16) */
PyObject *
hot_is_random(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    Py_ssize_t least = 16, size, digits = 0, letters = 0, changes = 0, distinct = 0;
    unsigned char seen[128] = {0};
    char before = 0;
    if (nargs < 1 || nargs > 2 || !PyUnicode_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "a text is needed, and a length if it is not 16");
        return NULL;
    }
    if (nargs == 2 && (least = PyLong_AsSsize_t(args[1])) == -1 && PyErr_Occurred())
        return NULL;
    size = PyUnicode_GET_LENGTH(args[0]);
    if (size < least || !PyUnicode_IS_ASCII(args[0]))
        Py_RETURN_FALSE;
    const Py_UCS1 *value = PyUnicode_1BYTE_DATA(args[0]);
    for (Py_ssize_t at = 0; at < size; at++) {
        unsigned char character = value[at];
        char now = 0;
        if (character >= '0' && character <= '9')
            digits++;
        else if (character >= 'a' && character <= 'z')
            now = 'a';
        else if (character >= 'A' && character <= 'Z') {
            now = 'A';
            character |= 32;
        }
        letters += now != 0;
        changes += now && before && now != before;
        before = now;
        distinct += !seen[character];
        seen[character] = 1;
    }
    if (!digits || !letters)
        return PyBool_FromLong(!digits && letters >= 24 && changes * 4 >= letters);
    Py_ssize_t needed = least / 2 + 2;
    return PyBool_FromLong(distinct >= (needed < 10 ? needed : 10) && (digits >= 3 || changes * 5 >= letters));
}

/* Whether there is a digit, an `@` or a sign of assignment in a text, as `_WORTH` of masking/scan.py. */
int
hot_is_worth(PyObject *text)
{
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t at = 0; at < PyUnicode_GET_LENGTH(text); at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if ((c >= '0' && c <= ':') || c == '@' || c == '=' || c == '_')
            return 1;
    }
    return 0;
}

/* may_hold(text) */
PyObject *
hot_may_hold(PyObject *module, PyObject *text)
{
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a text is needed");
        return NULL;
    }
    return PyBool_FromLong(hot_is_worth(text));
}

/* has_few(text): whether it is made of at most three characters */
PyObject *
hot_has_few(PyObject *module, PyObject *text)
{
    Py_UCS4 seen[3];
    int many = 0;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a text is needed");
        return NULL;
    }
    int kind = PyUnicode_KIND(text);
    const void *data = PyUnicode_DATA(text);
    for (Py_ssize_t at = 0; at < PyUnicode_GET_LENGTH(text); at++) {
        Py_UCS4 character = PyUnicode_READ(kind, data, at);
        int known = 0;
        for (int each = 0; each < many; each++)
            known |= seen[each] == character;
        if (known)
            continue;
        if (many == 3)
            Py_RETURN_FALSE;
        seen[many++] = character;
    }
    Py_RETURN_TRUE;
}

/* holds_any(text, words) */
PyObject *
hot_holds_any(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    if (nargs != 2 || !PyUnicode_Check(args[0]) || !PyTuple_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "a text and a tuple of words are needed");
        return NULL;
    }
    for (Py_ssize_t at = 0; at < PyTuple_GET_SIZE(args[1]); at++) {
        int held = PyUnicode_Contains(args[0], PyTuple_GET_ITEM(args[1], at));
        if (held)
            return held < 0 ? NULL : Py_NewRef(Py_True);
    }
    Py_RETURN_FALSE;
}
