/* Masks the parts of a span that is finished, and writes as JSON what was given to its call and what came of that. */
#include "copying.h"

/* Whether a result, as it is kept, may be the pieces of a stream, which are masked together. */
int
hot_may_be_pieces(PyObject *value)
{
    PyObject **items;
    Py_ssize_t count = 0;
    if (hot_is_kept(value)) {
        items = ((Copied *)value)->words + 1;
        if (IS_HEAD(items[-1]) && !IS_DICT(items[-1]))
            count = COUNT_OF(items[-1]);
    }
    else if (PyList_CheckExact(value)) {
        items = ((PyListObject *)value)->ob_item;
        count = PyList_GET_SIZE(value);
    }
    for (Py_ssize_t at = 0; at < count; at++)
        if (IS_HEAD(items[at]) || !PyUnicode_CheckExact(items[at]))
            return 0;
    return count > 1;
}

/* Mask a value, which stays itself where it is known to be left alone. */
static PyObject *
mask_value(PyObject *value, PyObject *known, PyObject *mask)
{
    Py_ssize_t left = known == Py_None ? -1 : hot_look_through(known, value);
    if (PyErr_Occurred())
        return NULL;
    return left >= 0 ? Py_NewRef(value) : PyObject_CallOneArg(mask, value);
}

/* Take what came of a call, as it is kept: as JSON, masked, or else readable; -1 with an exception. */
int
hot_take_output(Part *part, PyObject *kept, PyObject *known)
{
    if (kept == NULL)
        return -1;
    Py_INCREF(kept); /* what is masked runs Python, and with it whoever sets another value */
    if (known != Py_None && kept != Py_None)
        part->json = hot_kept_json(known, kept, &part->is_masked);
    if (part->json == NULL && !PyErr_Occurred())
        part->value = hot_readable(kept);
    Py_DECREF(kept);
    return part->json == NULL && part->value == NULL ? -1 : 0;
}

/* Take what was given to a call alike. */
int
hot_take_input(Part *part, Span *span, PyObject *known)
{
    PyObject *names;
    if (span->arguments == Py_None)
        return hot_take_output(part, span->_input, known);
    if (known != Py_None && (names = hot_names_of_arguments(span)) != NULL)
        part->json = hot_arguments_json(known, names, span->arguments, &part->is_masked);
    if (part->json == NULL && !PyErr_Occurred())
        part->value = hot_input_of(span);
    return part->json == NULL && part->value == NULL ? -1 : 0;
}

void
hot_drop_part(Part *part)
{
    Py_XDECREF(part->value);
    Py_XDECREF(part->json);
}

/* The JSON of what was taken, masked. */
PyObject *
hot_json_of(Part *part, PyObject *known, PyObject *mask)
{
    PyObject *masked, *text;
    if (part->json != NULL || part->value == Py_None)
        return Py_NewRef(part->json != NULL ? part->json : Py_None);
    masked = part->is_masked ? PyObject_CallOneArg(mask, part->value) : mask_value(part->value, known, mask);
    if (masked == NULL)
        return NULL;
    text = hot_json(masked);
    Py_DECREF(masked);
    return text;
}

/* Mask one of a span's own texts as if it stood under its name, as `_field`. */
PyObject *
hot_mask_field(PyObject *name, PyObject *value, PyObject *known, PyObject *mask)
{
    PyObject *named, *masked, *found;
    if (value == Py_None || (known != Py_None && PyUnicode_CheckExact(value) && hot_leaves_under(known, name, value)))
        return Py_NewRef(value);
    Py_INCREF(value); /* a dict that is made may run the collector, and with it whoever sets another text */
    named = PyDict_New();
    if (named != NULL && PyDict_SetItem(named, name, value) < 0)
        Py_CLEAR(named);
    Py_DECREF(value);
    if (named == NULL)
        return NULL;
    masked = mask_value(named, known, mask);
    Py_DECREF(named);
    if (masked == NULL || !PyDict_CheckExact(masked))
        found = Py_XNewRef(masked);
    else if ((found = Py_XNewRef(PyDict_GetItemWithError(masked, name))) == NULL && !PyErr_Occurred())
        found = Py_NewRef(Py_None);
    Py_XDECREF(masked);
    if (found != NULL && found != Py_None)
        Py_SETREF(found, PyObject_Str(found));
    return found;
}

/* Mask what is recorded besides. */
PyObject *
hot_mask_metadata(PyObject *metadata, PyObject *known, PyObject *mask)
{
    PyObject *masked, *found;
    if (metadata == Py_None || PyDict_GET_SIZE(metadata) == 0)
        return PyDict_New();
    masked = mask_value(metadata, known, mask);
    if (masked == NULL || PyDict_CheckExact(masked))
        return masked;
    found = Py_BuildValue("{sO}", "metadata", masked);
    Py_DECREF(masked);
    return found;
}
