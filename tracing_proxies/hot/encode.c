/* Writes a span in protobuf's wire format, as `write_span` of delivery/encoder.py does, which has the rest. */
#include "observation.h"

#define LONGEST_ID 200 /* of a user or a session, in characters, as MAX_ID_CHARS */

/* What is written so far. */
typedef struct {
    char *data;
    Py_ssize_t size, room;
} Message;

/* The UTF-8 of a text. */
typedef struct {
    const char *data;
    Py_ssize_t size;
    PyObject *owner;
} Bytes;

/* Make room for more bytes; 0 where there is no memory. */
static int
reserve(Message *message, Py_ssize_t more)
{
    if (message->size + more <= message->room)
        return 1;
    Py_ssize_t room = 2 * message->room + more;
    char *data = realloc(message->data, room);
    if (data == NULL) {
        PyErr_NoMemory();
        return 0;
    }
    message->data = data;
    message->room = room;
    return 1;
}

/* Append bytes for which there is room. */
static inline void
put(Message *message, const char *data, Py_ssize_t size)
{
    memcpy(message->data + message->size, data, size);
    message->size += size;
}

static inline void
put_varint(Message *message, size_t number)
{
    while (number > 127) {
        message->data[message->size++] = (char)((number & 127) | 128);
        number >>= 7;
    }
    message->data[message->size++] = (char)number;
}

static inline Py_ssize_t
varint_size(size_t number)
{
    Py_ssize_t size = 1;
    while (number > 127) {
        size++;
        number >>= 7;
    }
    return size;
}

/* Find the UTF-8 of a text, repaired as `to_bytes` does; 0 with an exception where that fails. */
static int
utf8_of(PyObject *text, Bytes *bytes)
{
    bytes->owner = NULL;
    if (PyUnicode_IS_ASCII(text)) {
        bytes->data = (const char *)PyUnicode_1BYTE_DATA(text);
        bytes->size = PyUnicode_GET_LENGTH(text);
        return 1;
    }
    bytes->owner = PyUnicode_AsUTF8String(text);
    if (bytes->owner == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear();
        bytes->owner = PyObject_CallOneArg(hot.to_bytes, text);
    }
    if (bytes->owner == NULL || !PyBytes_CheckExact(bytes->owner)) {
        Py_CLEAR(bytes->owner);
        return 0;
    }
    bytes->data = PyBytes_AS_STRING(bytes->owner);
    bytes->size = PyBytes_GET_SIZE(bytes->owner);
    return 1;
}

/* Append a field of bytes. */
static int
put_field(Message *message, char tag, const char *data, Py_ssize_t size)
{
    if (!reserve(message, 11 + size))
        return 0;
    message->data[message->size++] = tag;
    put_varint(message, size);
    put(message, data, size);
    return 1;
}

/* Append a field of text. */
static int
put_text(Message *message, char tag, PyObject *text)
{
    Bytes bytes;
    if (!utf8_of(text, &bytes))
        return 0;
    int done = put_field(message, tag, bytes.data, bytes.size);
    Py_XDECREF(bytes.owner);
    return done;
}

/* Append a KeyValue whose value is a text: its key is a beginning, and what follows that. */
static int
put_attribute(Message *message, const char *key, Bytes *rest, PyObject *text)
{
    Bytes bytes;
    Py_ssize_t beginning = strlen(key), named = beginning + (rest != NULL ? rest->size : 0);
    if (!utf8_of(text, &bytes))
        return 0;
    Py_ssize_t inner = 1 + varint_size(bytes.size) + bytes.size;
    Py_ssize_t outer = 1 + varint_size(named) + named + 1 + varint_size(inner) + inner;
    int done = reserve(message, 11 + outer);
    if (done) {
        message->data[message->size++] = 0x4a;
        put_varint(message, outer);
        message->data[message->size++] = 0x0a;
        put_varint(message, named);
        put(message, key, beginning);
        if (rest != NULL)
            put(message, rest->data, rest->size);
        message->data[message->size++] = 0x12;
        put_varint(message, inner);
        message->data[message->size++] = 0x0a;
        put_varint(message, bytes.size);
        put(message, bytes.data, bytes.size);
    }
    Py_XDECREF(bytes.owner);
    return done;
}

/* Append what a function of Python's has written, and give that away. */
static int
put_part(Message *message, PyObject *part)
{
    int done = part != NULL && PyBytes_CheckExact(part) && reserve(message, PyBytes_GET_SIZE(part));
    if (done)
        put(message, PyBytes_AS_STRING(part), PyBytes_GET_SIZE(part));
    Py_XDECREF(part);
    return done;
}

/* Append an attribute whose text a function of Python's makes of a value. */
static int
put_made(Message *message, const char *key, Bytes *rest, PyObject *make, PyObject *value)
{
    PyObject *text = PyObject_CallOneArg(make, value);
    int done = text != NULL && PyUnicode_CheckExact(text) && put_attribute(message, key, rest, text);
    Py_XDECREF(text);
    return done;
}

/* What a hexadecimal digit stands for, and one more; 0 for what is none. */
static const unsigned char DIGITS[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Append an id of so many bytes; 0 without an exception where the text is no such id. */
static int
put_id(Message *message, char tag, PyObject *text, int size)
{
    if (!PyUnicode_CheckExact(text) || !PyUnicode_IS_ASCII(text) || PyUnicode_GET_LENGTH(text) != 2 * size ||
        !reserve(message, 2 + size))
        return 0;
    const Py_UCS1 *digits = PyUnicode_1BYTE_DATA(text);
    message->data[message->size++] = tag;
    message->data[message->size++] = (char)size;
    for (int at = 0; at < size; at++) {
        int high = DIGITS[digits[2 * at]], low = DIGITS[digits[2 * at + 1]];
        if (!high || !low)
            return 0;
        message->data[message->size++] = (char)(((high - 1) << 4) | (low - 1));
    }
    return 1;
}

/* Append a time, which proto3 leaves out where it is 0; 0 without an exception where it has more than 63 bits. */
static int
put_time(Message *message, char tag, PyObject *time)
{
    int over;
    long long number = PyLong_CheckExact(time) ? PyLong_AsLongLongAndOverflow(time, &over) : -1;
    if (!PyLong_CheckExact(time) || over || !reserve(message, 9))
        return 0;
    if (number <= 0)
        return 1;
    message->data[message->size++] = tag;
    for (int byte = 0; byte < 8; byte++)
        message->data[message->size++] = (char)(((unsigned long long)number >> (8 * byte)) & 255);
    return 1;
}

/* Append a text as an attribute, unless there is none; 0 without an exception where it is none. */
static int
put_given(Message *message, const char *key, PyObject *text)
{
    return text == Py_None || (PyUnicode_CheckExact(text) && put_attribute(message, key, NULL, text));
}

/* Append the beginning of an id of the application's. */
static int
put_beginning(Message *message, const char *key, PyObject *text)
{
    if (text == Py_None || !PyUnicode_CheckExact(text) || PyUnicode_GET_LENGTH(text) <= LONGEST_ID)
        return put_given(message, key, text);
    PyObject *beginning = PyUnicode_Substring(text, 0, LONGEST_ID);
    int done = beginning != NULL && put_given(message, key, beginning);
    Py_XDECREF(beginning);
    return done;
}

static int
put_metadata(Message *message, PyObject *metadata)
{
    static const char beginning[] = "langfuse.observation.metadata.";
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (!PyDict_CheckExact(metadata))
        return 0;
    while (PyDict_Next(metadata, &at, &key, &value)) { /* which is ours alone by now */
        Bytes rest;
        if (!PyUnicode_CheckExact(key) || !utf8_of(key, &rest))
            return 0;
        int done = PyUnicode_CheckExact(value) ? put_attribute(message, beginning, &rest, value)
                                               : put_made(message, beginning, &rest, hot.to_attribute, value);
        Py_XDECREF(rest.owner);
        if (!done)
            return 0;
    }
    return 1;
}

static int
put_weight(Message *message, PyObject *weight)
{
    if (!PyFloat_CheckExact(weight) || PyFloat_AS_DOUBLE(weight) == 1.0)
        return PyFloat_CheckExact(weight);
    return put_made(message, "langfuse.observation.metadata.sampling.weight", NULL, hot.to_attribute, weight);
}

/* Append what another library's span says of itself. */
static int
put_more(Message *message, PyObject *more)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    if (more == Py_None)
        return 1;
    if (!PyDict_CheckExact(more))
        return 0;
    while (PyDict_Next(more, &at, &key, &value))
        if (!put_part(message, PyObject_CallFunctionObjArgs(hot.any_attribute, key, value, NULL)))
            return 0;
    return 1;
}

/* Append the status of a call that has failed. */
static int
put_status(Message *message, PyObject *level, PyObject *text)
{
    Bytes bytes;
    if (!hot_is_text(level, hot.error_level))
        return 1;
    if (text == Py_None || PyUnicode_GET_LENGTH(text) == 0)
        return put_field(message, 0x7a, "\x18\x02", 2);
    if (!utf8_of(text, &bytes))
        return 0;
    Py_ssize_t inner = 1 + varint_size(bytes.size) + bytes.size + 2;
    int done = reserve(message, 11 + inner);
    if (done) {
        message->data[message->size++] = 0x7a;
        put_varint(message, inner);
        message->data[message->size++] = 0x12;
        put_varint(message, bytes.size);
        put(message, bytes.data, bytes.size);
        put(message, "\x18\x02", 2);
    }
    Py_XDECREF(bytes.owner);
    return done;
}

/* Whether a value is true, as far as that runs no code. */
static inline int
is_filled(PyObject *value)
{
    if (PyUnicode_CheckExact(value))
        return PyUnicode_GET_LENGTH(value) > 0;
    return value != Py_None && PyObject_Size(value) > 0;
}

/* Write all of it; 0 where that is not for here, or with an exception. */
static int
write_all(Message *message, PyObject **field)
{
    PyObject *common[] = {field[KIND], field[LEVEL], field[TRACE_NAME], field[ENVIRONMENT],
                          field[RELEASE], field[VERSION], field[APP_ROOT]};
    if (!PyUnicode_CheckExact(field[NAME]) || !PyTuple_CheckExact(field[TAGS]) || !PyDict_CheckExact(field[USAGE]) ||
        !put_id(message, 0x0a, field[TRACE_ID], 16) || !put_id(message, 0x12, field[ID], 8))
        return 0;
    if (field[STATE] != Py_None &&
        (!PyUnicode_CheckExact(field[STATE]) || (is_filled(field[STATE]) && !put_text(message, 0x1a, field[STATE]))))
        return 0;
    if (field[PARENT] != Py_None && !put_id(message, 0x22, field[PARENT], 8))
        return 0;
    return (!is_filled(field[NAME]) || put_text(message, 0x2a, field[NAME])) &&
           reserve(message, 2) && (put(message, "\x30\x01", 2), 1) &&
           put_time(message, 0x39, field[START]) && put_time(message, 0x41, field[END]) &&
           put_part(message, PyObject_Vectorcall(hot.common_part, common, 7, NULL)) &&
           put_given(message, "langfuse.observation.status_message", field[STATUS]) &&
           put_given(message, "langfuse.observation.input", field[INPUT]) &&
           put_given(message, "langfuse.observation.output", field[OUTPUT]) &&
           put_given(message, "langfuse.observation.model.name", field[MODEL]) &&
           (!is_filled(field[USAGE]) ||
            put_made(message, "langfuse.observation.usage_details", NULL, hot.usage_text, field[USAGE])) &&
           put_metadata(message, field[METADATA]) && put_weight(message, field[WEIGHT]) &&
           put_beginning(message, "user.id", field[USER]) && put_beginning(message, "session.id", field[SESSION]) &&
           (!is_filled(field[TAGS]) || put_part(message, PyObject_CallOneArg(hot.tags_part, field[TAGS]))) &&
           put_more(message, field[MORE]) && put_status(message, field[LEVEL], field[STATUS]);
}

/* As `encode_span`. */
PyObject *
hot_encode_span(PyObject *module, PyObject *observation)
{
    Message message = {NULL, 0, 0};
    PyObject *encoded = NULL;
    if (PyTuple_Check(observation) && PyTuple_GET_SIZE(observation) == FIELDS && reserve(&message, 1024) &&
        write_all(&message, ((PyTupleObject *)observation)->ob_item))
        encoded = PyBytes_FromStringAndSize(message.data, message.size);
    free(message.data);
    if (encoded != NULL || PyErr_Occurred())
        return encoded;
    return PyObject_CallOneArg(hot.write_span, observation);
}
