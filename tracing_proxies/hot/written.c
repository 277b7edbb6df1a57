/* Writes what was copied of a value as JSON: straight from the row of words, as `orjson` writes the dicts and lists that
   can be made of it. To make these, and bytes that are decoded again, takes longer, and counts for the collector.

   Nothing here runs Python, or makes what the collector counts, before it gives up. */
#include "copying.h"

#include <float.h>
#include <math.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define MOST_DECIMALS 8
#define MOST_AT_ONCE 256 /* bytes of a text */
#define SLACK 64         /* a number or a short text, quotes, and what stands beside them */
#ifdef __SSE2__
#define MOST_PLAIN 32    /* bytes of a short text */
#else
#define MOST_PLAIN 16
#endif

/* The JSON written so far. */
typedef struct {
    char *data;
    Py_ssize_t size, room;
    int is_ascii;
    char first[2048];
} Json;

static int
widen(Json *json, Py_ssize_t more)
{
    int is_first = json->data == json->first;
    Py_ssize_t room = 2 * json->room + more;
    char *data = realloc(is_first ? NULL : json->data, room);
    if (data == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    if (is_first)
        memcpy(data, json->first, json->size);
    json->data = data;
    json->room = room;
    return 0;
}

/* Make room for some bytes, and for a number and what stands around it. */
static inline int
reserve(Json *json, Py_ssize_t more)
{
    return json->size + more + SLACK <= json->room ? 0 : widen(json, more + SLACK);
}

/* Which of eight bytes cannot stay as they are in JSON: the highest bit of each that cannot is set, at least of the first. */
static inline unsigned long long
find_odd(unsigned long long eight)
{
    const unsigned long long ones = ~0ULL / 255, highest = ones << 7;
    unsigned long long quote = eight ^ ones * '"', escape = eight ^ ones * '\\';
    /* The highest bit is set where a byte was below another number; one that has it of its own is none of these. */
    return ((eight - ones * ' ') | (quote - ones) | (escape - ones)) & ~eight & highest;
}

/* Write a letter that cannot stay as it is; answers how many bytes that takes, 6 at most. */
static inline Py_ssize_t
escape(char *into, unsigned char letter)
{
    static const char named[] = "\nn\tt\rr\bb\ff", digits[] = "0123456789abcdef";
    into[0] = '\\';
    into[1] = (char)letter;
    if (letter == '"' || letter == '\\')
        return 2;
    for (const char *name = named; *name != '\0'; name += 2)
        if ((unsigned char)name[0] == letter) {
            into[1] = name[1];
            return 2;
        }
    memcpy(into + 1, "u00", 3);
    into[4] = digits[letter >> 4];
    into[5] = digits[letter & 15];
    return 6;
}

#if PY_LITTLE_ENDIAN && defined(__GNUC__)

/* So many bytes, 7 at most, and blanks behind. */
static inline unsigned long long
few_bytes(const char *from, Py_ssize_t many)
{
    const unsigned long long blanks = ~0ULL / 255 * ' ';
    const unsigned char *bytes = (const unsigned char *)from;
    if (many < 4) /* the first, the middle and the last, some of which may be the same */
        return blanks << 8 * many | bytes[0] | (unsigned long long)bytes[many >> 1] << 8 * (many >> 1) |
               (unsigned long long)bytes[many - 1] << 8 * (many - 1);
    unsigned int first, last;
    memcpy(&first, from, 4);
    memcpy(&last, from + many - 4, 4);
    return blanks << 8 * many | first | (unsigned long long)last << 8 * (many - 4);
}

/* Write some bytes, 8 at most, up to the first odd one; answers how many these are. */
static inline Py_ssize_t
put_eight(char *into, const char *from, Py_ssize_t many)
{
    unsigned long long eight, odd;
    if (many < 8)
        eight = few_bytes(from, many);
    else
        memcpy(&eight, from, 8);
    memcpy(into, &eight, 8);
    odd = find_odd(eight);
    return odd == 0 ? many : __builtin_ctzll(odd) >> 3;
}

#ifdef __SSE2__
#define MOST_IN_STEP 16

/* Write 16 bytes; answers which of them are odd, a bit for each. */
static inline int
put_sixteen(char *into, const char *from)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)from);
    __m128i is_quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), is_escape = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i is_low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(' ' - 1)), bytes);
    int odd = _mm_movemask_epi8(_mm_or_si128(is_low, _mm_or_si128(is_quote, is_escape)));
    _mm_storeu_si128((__m128i *)into, bytes);
    return odd;
}

/* Write 16 bytes up to the first odd one; answers how many these are. */
static inline Py_ssize_t
put_step(char *into, const char *from)
{
    int odd = put_sixteen(into, from);
    return odd == 0 ? 16 : __builtin_ctz((unsigned)odd);
}
#else
#define MOST_IN_STEP 8
#define put_step(into, from) put_eight(into, from, 8)
#endif

/* Write some bytes, for which there is room were all of them odd, and for a step more; answers where they end. */
static char *
put_bytes(char *into, const char *from, Py_ssize_t left)
{
    for (Py_ssize_t many, clean; left > 0; left -= clean) {
        many = left >= MOST_IN_STEP ? MOST_IN_STEP : left < 8 ? left : 8;
        clean = many == MOST_IN_STEP ? put_step(into, from) : put_eight(into, from, many);
        into += clean;
        from += clean;
        if (clean < many) {
            into += escape(into, (unsigned char)*from++);
            clean++;
        }
    }
    return into;
}

/* Write a short text for which there is room where nothing in it is odd; else tells so. */
static inline int
put_plain(char *into, const char *from, Py_ssize_t size)
{
#ifdef __SSE2__
    if (size >= 16) /* the first of them and the last, some of which may be the same */
        return !(put_sixteen(into, from) | put_sixteen(into + size - 16, from + size - 16));
#endif
    return size <= 8 ? size == 0 || put_eight(into, from, size) == size
                     : put_eight(into, from, 8) == 8 && put_eight(into + 8, from + 8, size - 8) == size - 8;
}

#else

#define put_plain(into, from, size) ((size) == 0)

static char *
put_bytes(char *into, const char *from, Py_ssize_t left)
{
    for (unsigned long long eight; left >= 8; into += 8, from += 8, left -= 8) {
        memcpy(&eight, from, 8);
        if (find_odd(eight))
            break;
        memcpy(into, &eight, 8);
    }
    for (; left > 0; left--, from++)
        if ((unsigned char)*from >= ' ' && *from != '"' && *from != '\\')
            *into++ = *from;
        else
            into += escape(into, (unsigned char)*from);
    return into;
}

#endif

static int
put_any_text(Json *json, PyObject *text)
{
    Py_ssize_t left = PyUnicode_GET_LENGTH(text);
    const char *from = PyUnicode_IS_COMPACT_ASCII(text)
        ? (const char *)PyUnicode_1BYTE_DATA(text)
        : PyUnicode_AsUTF8AndSize(text, &left); /* which is kept beside the text, as `orjson` does */
    if (from == NULL)
        return -1;
    json->is_ascii &= PyUnicode_IS_ASCII(text);
    json->data[json->size++] = '"';
    for (Py_ssize_t some; left > 0; from += some, left -= some) {
        some = left < MOST_AT_ONCE ? left : MOST_AT_ONCE;
        if (reserve(json, 6 * some) < 0)
            return -1;
        json->size = put_bytes(json->data + json->size, from, some) - json->data;
    }
    json->data[json->size++] = '"';
    return 0;
}

/* Write a text; there is room for a short one. */
static inline int
put_text(Json *json, PyObject *text)
{
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    char *into = json->data + json->size;
    if (size > MOST_PLAIN || !PyUnicode_IS_COMPACT_ASCII(text) ||
        !put_plain(into + 1, (const char *)PyUnicode_1BYTE_DATA(text), size))
        return put_any_text(json, text);
    into[0] = into[size + 1] = '"';
    json->size += size + 2;
    return 0;
}

/* Write a word for which there is room. */
static inline int
put(Json *json, const char *data, Py_ssize_t size)
{
    memcpy(json->data + json->size, data, size);
    json->size += size;
    return 0;
}

/* Write a number with a sign, and some decimals where there are any; no more than 20 digits. */
static int
put_digits(Json *json, unsigned long long number, int is_negative, int decimals)
{
    char digits[32], *first = digits + sizeof(digits);
    for (int at = 0; at == 0 || at <= decimals || number > 0; at++, number /= 10) {
        if (at == decimals && at > 0)
            *--first = '.';
        *--first = (char)('0' + number % 10);
    }
    if (is_negative)
        *--first = '-';
    return put(json, first, digits + sizeof(digits) - first);
}

static int
put_whole(Json *json, PyObject *number)
{
    long long value = PyLong_AsLongLong(number);
    return put_digits(json, value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value, value < 0, 0);
}

/* Write a fraction in as few digits as tell it from others. */
static int
put_fraction(Json *json, double number)
{
    double size = fabs(number), power = 1;
#if FLT_EVAL_METHOD == 0
    /* Prices and shares have few decimals. Of 15 digits there are no two ways to write one number, so those that are
       the number, divided exactly, are the ones; no search for the shortest is needed. */
    for (int decimals = 1; decimals <= MOST_DECIMALS; decimals++) {
        double scaled = size * (power *= 10);
        if (scaled >= 1e15)
            break;
        unsigned long long digits = (unsigned long long)(scaled + 0.5);
        if ((double)digits / power == size)
            return put_digits(json, digits, signbit(number) != 0, decimals);
    }
#endif
    char *text = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    int done = text == NULL ? -1 : put(json, text, (Py_ssize_t)strlen(text));
    PyMem_Free(text);
    return done;
}

static int
put_one_value(Json *json, PyObject *value)
{
    if (PyUnicode_CheckExact(value))
        return put_text(json, value);
    if (PyFloat_CheckExact(value))
        return put_fraction(json, PyFloat_AS_DOUBLE(value));
    if (PyLong_CheckExact(value))
        return put_whole(json, value);
    return value == Py_None ? put(json, "null", 4) : value == Py_True ? put(json, "true", 4) : put(json, "false", 5);
}

/* Write the container whose head is given and whose entries begin at a place; answers where it ends, NULL on an exception.
   There is room for its head. */
static PyObject *const *
put_container(Json *json, PyObject *head, PyObject *const *at)
{
    int is_dict = IS_DICT(head);
    json->data[json->size++] = is_dict ? '{' : '[';
    for (Py_ssize_t left = COUNT_OF(head); left > 0; left--) {
        if (reserve(json, 0) < 0)
            return NULL;
        if (is_dict) {
            if (put_text(json, *at++) < 0 || reserve(json, 0) < 0)
                return NULL;
            json->data[json->size++] = ':';
        }
        PyObject *word = *at++;
        if (IS_HEAD(word) ? (at = put_container(json, word, at)) == NULL || reserve(json, 0) < 0
                          : put_one_value(json, word) < 0)
            return NULL;
        json->data[json->size++] = ',';
    }
    json->size -= COUNT_OF(head) > 0; /* the last of these */
    json->data[json->size++] = is_dict ? '}' : ']';
    return at;
}

/* The JSON text of a row; NULL, without an exception, where that is not for here. */
PyObject *
hot_write(PyObject *const *words)
{
    Json json;
    json.data = json.first;
    json.size = 0;
    json.room = sizeof(json.first);
    json.is_ascii = 1;
    PyObject *text = NULL;
    if (IS_HEAD(words[0]) ? put_container(&json, words[0], words + 1) != NULL : put_one_value(&json, words[0]) == 0) {
        if (!json.is_ascii)
            text = PyUnicode_DecodeUTF8(json.data, json.size, "strict");
        else if ((text = PyUnicode_New(json.size, 127)) != NULL)
            memcpy(PyUnicode_1BYTE_DATA(text), json.data, json.size);
    }
    if (json.data != json.first)
        free(json.data);
    if (text == NULL)
        PyErr_Clear(); /* a text that UTF-8 does not know, or no memory */
    return text;
}
