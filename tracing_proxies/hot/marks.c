/* Marks by which texts are known again that are not kept, as `Repeats.mark` of masking/repeats.py. */
#include "parts.h"

static inline unsigned long long
rotate(unsigned long long word, int bits)
{
    return word << bits | word >> (64 - bits);
}

typedef struct {
    unsigned long long v0, v1, v2, v3;
} Sip;

static inline void
turn(Sip *sip, int rounds)
{
    while (rounds-- > 0) {
        sip->v0 += sip->v1;
        sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
        sip->v0 = rotate(sip->v0, 32);
        sip->v2 += sip->v3;
        sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
        sip->v0 += sip->v3;
        sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
        sip->v2 += sip->v1;
        sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
        sip->v2 = rotate(sip->v2, 32);
    }
}

static inline void
take_in(Sip *sip, unsigned long long word)
{
    sip->v3 ^= word;
    turn(sip, 2);
    sip->v0 ^= word;
}

/* Take in some bytes, the last of them with zeros behind; answers how many words these were. */
static Py_ssize_t
take_in_all(Sip *sip, const char *data, Py_ssize_t size, unsigned long long behind, int is_last)
{
    Py_ssize_t words = 0;
    unsigned long long word;
    for (; size >= 8; size -= 8, data += 8, words++) {
        memcpy(&word, data, 8);
        take_in(sip, word);
    }
    if (size == 0 && !is_last)
        return words;
    word = 0;
    memcpy(&word, data, size);
#if PY_BIG_ENDIAN
    take_in(sip, word ^ behind);
#else
    take_in(sip, word | behind << 56);
#endif
    return words + 1;
}

/* Write what a text is known by where it stands under a label: SipHash-2-4 of 128 bits (Aumasson and Bernstein, 2012),
   over what kinds of texts both are, how long the label is, the label, and the text. */
void
hot_mark_text(const char *key, PyObject *text, PyObject *label, char *into)
{
    unsigned long long first, second;
    memcpy(&first, key, 8);
    memcpy(&second, key + 8, 8);
    Sip sip = {first ^ 0x736f6d6570736575ULL, second ^ 0x646f72616e646f6dULL ^ 0xee, first ^ 0x6c7967656e657261ULL,
               second ^ 0x7465646279746573ULL};
    Py_ssize_t of_label = PyUnicode_GET_LENGTH(label) * PyUnicode_KIND(label);
    Py_ssize_t of_text = PyUnicode_GET_LENGTH(text) * PyUnicode_KIND(text);
    take_in(&sip, (unsigned long long)of_label << 16 | PyUnicode_KIND(label) << 8 | PyUnicode_KIND(text));
    Py_ssize_t words = 1 + take_in_all(&sip, PyUnicode_DATA(label), of_label, 0, 0);
    take_in_all(&sip, PyUnicode_DATA(text), of_text, (unsigned long long)(8 * words + of_text) & 255, 1);
    sip.v2 ^= 0xee;
    turn(&sip, 4);
    first = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
    sip.v1 ^= 0xdd;
    turn(&sip, 4);
    second = sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
    memcpy(into, &first, 8);
    memcpy(into + 8, &second, 8);
}

/* mark(key, text, label): as `Repeats.mark` */
PyObject *
hot_mark(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    char found[16];
    if (nargs != 3 || !PyBytes_CheckExact(args[0]) || PyBytes_GET_SIZE(args[0]) < 16 || !PyUnicode_Check(args[1]) ||
        !PyUnicode_Check(args[2])) {
        PyErr_SetString(PyExc_TypeError, "a key of 16 bytes, a text and its label are needed");
        return NULL;
    }
    hot_mark_text(PyBytes_AS_STRING(args[0]), args[1], args[2], found);
    return PyBytes_FromStringAndSize(found, sizeof(found));
}
