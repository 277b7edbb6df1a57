/* Reads a text once for masking: its lower case, its shape, the forms that may be in it, and where literals stand that
   some part waits for. What is told of forms and places is what their parts would look at in vain or not; the original
   is `look` of masking/detectors/looking.py. */
#include "parts.h"
#include <string.h>

#define ENDS_LITERAL 0x8000
#define MOST_STATES 0x8000
#define COLUMN_BITS 6
#define COLUMNS (1 << COLUMN_BITS)
#define LONGEST_NAME 48
#define LONGEST_WORD 26 /* tokens.SHORTEST */
#define LEAST_DIGITS 7

enum { CODES = 1, HEADS = 2, QUADS = 4, COLONS = 8, HYPHENS = 16, DOTS = 32, WORDS = 64, RUNS = 128, ANY = 256 };
enum { ANYWHERE, WORD, MARK, APART };

/* What has to stand beside a literal, at least, for a part to find anything there. */
typedef struct {
    int owner, length;
    int begins;               /* how a word begins there */
    int ends;                 /* whether no letter follows */
    int meant;                /* whether it is in capitals, or a sign for a number follows */
    int named;                /* whether it is in a name that may tell of a secret, and what may assign follows */
    int before, behind;       /* within how many characters a digit stands; 0 and 0: none has to */
    int least;                /* how many characters of a key follow */
    int reach;                /* within how many characters the sign follows; 0: none has to */
    Py_UCS4 sign;
    PyObject *spellings;      /* the literal in the only cases that count; None: in any */
} Guard;

typedef struct {
    Py_ssize_t first, many; /* of the guards of the literal that ends in a state */
    Py_ssize_t shorter;     /* the state of the next shorter literal that ends here too, 0 for none */
} Ending;

typedef struct {
    int from, to;
    Py_UCS4 character;
    int next; /* the next edge of this list, -1 for none */
} Edge;

/* What is looked up of a character of ASCII, in one piece: the column is that of its lower case. */
typedef struct {
    unsigned char shape, lower, column;
    unsigned char tells; /* whether it is a digit or a colon, without which there are no forms */
} Reading;

typedef struct {
    PyObject_HEAD
    unsigned char shapes[256]; /* of the first characters */
    char countries[26][26];    /* whether two letters are a country with IBANs */
    unsigned char column[128]; /* of a character of ASCII, 0 for one that is in no literal */
    Reading reading[128];      /* all that is looked up of a character of ASCII */
    unsigned char beyond[256]; /* whether a character beyond ASCII with these last eight bits may be in a literal */
    int columns, states, edges;
    unsigned short *next; /* states x COLUMNS, with ENDS_LITERAL where a literal ends */
    unsigned short *fail;
    Ending *endings;
    int *first_edge; /* of each state: for characters beyond ASCII, which are few */
    Edge *edge;
    Guard *guards;
    Py_ssize_t many_guards;
    PyObject *plain_names, *lower_evenly;
} Gate;

typedef struct {
    Py_ssize_t end;
    int state;
} Place;

typedef struct {
    PyObject *text;
    int kind, lower_kind;
    const void *data, *lower_data;
    const char *shape;
    Py_ssize_t size;
    int has_hyphen;
} Look;

#define AT(look, at) PyUnicode_READ((look)->kind, (look)->data, (at))
#define LOWER_AT(look, at) PyUnicode_READ((look)->lower_kind, (look)->lower_data, (at))

static inline int
is_word(Py_UCS4 character)
{
    return character == '_' || Py_UNICODE_ISALNUM(character);
}

static inline int
is_escaped(Look *look, Py_ssize_t at)
{
    Py_UCS4 before = AT(look, at - 1);
    return (before == 'n' || before == 'r' || before == 't') && at >= 2 && AT(look, at - 2) == '\\';
}

static int
begins(Look *look, Py_ssize_t at, int how)
{
    Py_UCS4 before;
    if (how == ANYWHERE || at == 0)
        return 1;
    before = AT(look, at - 1);
    if (how == APART)
        return !Py_UNICODE_ISALNUM(before);
    if (how == MARK)
        return at == 1 || !(Py_UNICODE_ISALNUM(before) || before == '_' || before == '-' || before == '.' || before == '+') ||
               is_escaped(look, at) || (at >= 3 && AT(look, at - 3) == '%');
    return !Py_UNICODE_ISALNUM(before) || (Py_UNICODE_ISUPPER(AT(look, at)) && Py_UNICODE_ISLOWER(before)) ||
           is_escaped(look, at);
}

static int
is_meant(Look *look, Py_ssize_t at, Py_ssize_t end)
{
    Py_UCS4 after = end < look->size ? AT(look, end) : 0;
    int upper = 0, lower = 0;
    if (after && Py_UNICODE_ISALPHA(after) && !(Py_UNICODE_ISUPPER(after) && Py_UNICODE_ISLOWER(AT(look, end - 1))))
        return 0;
    for (Py_ssize_t each = at; each < end; each++) {
        upper |= Py_UNICODE_ISUPPER(AT(look, each));
        lower |= Py_UNICODE_ISLOWER(AT(look, each));
    }
    if ((upper && !lower) || after == ',' || after == '\'' || after == '"')
        return 1;
    if ((after == ' ' || after == '_' || after == '-') && end + 1 < look->size)
        after = AT(look, end + 1);
    return after == 'n' || after == 'N' || after == '#' || after == ':' || after == '=';
}

static inline int
is_blank(Py_UCS4 character)
{
    return character == ' ' || character == '\t';
}

static inline int
follows(Look *look, Py_ssize_t at, const char *word)
{
    for (; *word; word++, at++)
        if (at >= look->size || AT(look, at) != (Py_UCS4)*word)
            return 0;
    return 1;
}

/* Whether what stands behind a name may assign it a value: at least what `_MAY_FOLLOW` of assignment.py lets through. */
static int
may_assign(Look *look, Py_ssize_t end)
{
    Py_ssize_t at = end, limit = end + 24 < look->size ? end + 24 : look->size, stop;
    Py_UCS4 first;
    if (end >= look->size)
        return 0;
    if (!Py_UNICODE_ISSPACE(AT(look, end)))
        return !is_word(AT(look, end));
    while (at < limit && Py_UNICODE_ISSPACE(AT(look, at)))
        at++;
    if (at >= look->size || Py_UNICODE_ISSPACE(first = AT(look, at)))
        return 0;
    if (!is_word(first))
        return !(first == ',' || first == ';' || first == '(') || (at == end + 1 && is_blank(AT(look, end)));
    if (follows(look, at, "is") || follows(look, at, "or") || follows(look, at, "for") || follows(look, at, "value") ||
        follows(look, at, "str") || follows(look, at, "String"))
        return 1;
    if (at != end + 1 || !is_blank(AT(look, end)))
        return 0;
    /* One blank, and ten characters with a digit among them, or soon behind. */
    stop = at + 41 < look->size ? at + 41 : look->size;
    for (int digit = 0; at < stop && !Py_UNICODE_ISSPACE(AT(look, at)); at++) {
        digit |= look->shape[at] == '0';
        if (digit && at - end >= 10)
            return 1;
    }
    return 0;
}

static inline int
is_of_name(Py_UCS4 c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Whether the name around a literal may tell of a secret; -1 on an exception. Names are read as `_names` reads them,
   which goes on within those that are as long as it reads at most: these are left to it. */
static int
is_named(Gate *gate, Look *look, Py_ssize_t at)
{
    Py_ssize_t start = at, end = at;
    PyObject *name;
    int known;
    while (end < look->size && end - at < LONGEST_NAME && is_of_name(AT(look, end)))
        end++;
    if (end - at >= LONGEST_NAME)
        return 1;
    if (!look->has_hyphen && !may_assign(look, end))
        return 0;
    while (start > 0 && end - start < LONGEST_NAME) {
        Py_UCS4 before = LOWER_AT(look, start - 1);
        if (!is_of_name(before) || (before >= 'A' && before <= 'Z'))
            break;
        start--;
    }
    if (end - start >= LONGEST_NAME)
        return 1;
    if ((name = PyUnicode_Substring(look->text, start, end)) == NULL)
        return -1;
    known = PySet_Contains(gate->plain_names, name);
    Py_DECREF(name);
    return known < 0 ? -1 : !known;
}

static int
has_digit(Look *look, Py_ssize_t at, Py_ssize_t end, Guard *guard)
{
    Py_ssize_t floor = at > guard->before ? at - guard->before : 0;
    Py_ssize_t reach = look->size - end < guard->behind ? look->size - end : guard->behind;
    if (reach > 0 && memchr(look->shape + end, '0', (size_t)reach) != NULL)
        return 1;
    while (at > floor)
        if (look->shape[--at] == '0')
            return 1;
    return 0;
}

static int
has_key(Look *look, Py_ssize_t end, int least)
{
    if (look->size - end < least)
        return 0;
    for (Py_ssize_t at = end; at < end + least; at++) {
        Py_UCS4 c = AT(look, at);
        if (!is_of_name(c) && c != '.' && c != '=' && c != '~' && c != '+' && c != '/')
            return 0;
    }
    return 1;
}

static int
has_sign(Look *look, Py_ssize_t end, Guard *guard)
{
    Py_ssize_t limit = look->size - end < guard->reach ? look->size : end + guard->reach;
    for (Py_ssize_t at = end; at < limit; at++)
        if (AT(look, at) == guard->sign)
            return 1;
    return 0;
}

static int
is_spelt(Look *look, Py_ssize_t at, PyObject *spellings)
{
    for (Py_ssize_t each = 0; each < PyTuple_GET_SIZE(spellings); each++) {
        const char *spelling = (const char *)PyUnicode_1BYTE_DATA(PyTuple_GET_ITEM(spellings, each));
        if (follows(look, at, spelling))
            return 1;
    }
    return 0;
}

static int
lets_through(Gate *gate, Look *look, Guard *guard, Py_ssize_t end)
{
    Py_ssize_t at = end - guard->length;
    if (guard->begins && !begins(look, at, guard->begins))
        return 0;
    if (guard->ends && end < look->size && Py_UNICODE_ISALPHA(AT(look, end)))
        return 0;
    if (guard->spellings != Py_None && !is_spelt(look, at, guard->spellings))
        return 0;
    if (guard->least && !has_key(look, end, guard->least))
        return 0;
    if (guard->meant && !is_meant(look, at, end))
        return 0;
    if ((guard->before || guard->behind) && !has_digit(look, at, end, guard))
        return 0;
    if (guard->reach && !has_sign(look, end, guard))
        return 0;
    return guard->named ? is_named(gate, look, at) : 1;
}

/* Add a place to those of a part. */
static int
add_place(PyObject *places, int owner, Py_ssize_t at)
{
    PyObject *key = PyLong_FromLong(owner), *place = PyLong_FromSsize_t(at), *list = NULL;
    int failed = key == NULL || place == NULL;
    if (!failed && (list = PyDict_GetItemWithError(places, key)) != NULL)
        failed = PyList_Append(list, place) < 0;
    else if (!failed && !PyErr_Occurred()) {
        list = PyList_New(1);
        if (list != NULL)
            PyList_SET_ITEM(list, 0, Py_NewRef(place));
        failed = list == NULL || PyDict_SetItem(places, key, list) < 0;
        Py_XDECREF(list);
    }
    else
        failed = 1;
    Py_XDECREF(key);
    Py_XDECREF(place);
    return failed ? -1 : 0;
}

static int
add_places(Gate *gate, Look *look, PyObject *places, Place *found, Py_ssize_t many)
{
    for (Py_ssize_t each = 0; each < many; each++)
        for (Py_ssize_t state = found[each].state; state; state = gate->endings[state].shorter) {
            Ending *ending = &gate->endings[state];
            for (Py_ssize_t at = ending->first; at < ending->first + ending->many; at++) {
                Guard *guard = &gate->guards[at];
                int passes = lets_through(gate, look, guard, found[each].end);
                if (passes < 0 || (passes && add_place(places, guard->owner, found[each].end - guard->length) < 0))
                    return -1;
            }
        }
    return 0;
}

static int
edge_from(Gate *gate, int state, Py_UCS4 character)
{
    for (int each = gate->first_edge[state]; each >= 0; each = gate->edge[each].next)
        if (gate->edge[each].character == character)
            return gate->edge[each].to;
    return 0;
}

static inline unsigned
step(Gate *gate, unsigned state, Py_UCS4 character)
{
    if (character < 128) {
        int column = gate->column[character];
        return column ? gate->next[state << COLUMN_BITS | (unsigned)column] : 0;
    }
    if (!gate->beyond[character & 255])
        return 0;
    for (;;) {
        int to = edge_from(gate, (int)state, character);
        if (to || state == 0)
            return (unsigned)to | (to && (gate->endings[to].many || gate->endings[to].shorter) ? ENDS_LITERAL : 0);
        state = gate->fail[state];
    }
}

static inline int
letter_at(Look *look, Py_ssize_t at)
{
    Py_UCS4 letter = AT(look, at) | 32;
    return letter >= 'a' && letter <= 'z' ? (int)letter - 'a' : -1;
}

/* Whether an account number may begin at a place, where a letter and two digits stand behind its first. */
static int
is_head(Gate *gate, Look *look, Py_ssize_t at)
{
    int first = letter_at(look, at), second = letter_at(look, at + 1);
    if (first < 0 || second < 0 || !gate->countries[first][second])
        return 0;
    return at == 0 || AT(look, at - 1) > 127 || !(look->shape[at - 1] == '0' || letter_at(look, at - 1) >= 0) ||
           is_escaped(look, at);
}

static inline int
is_code(char shape)
{
    return shape == '0' || shape == 'A' || shape == 'a';
}

/* Whether between two dots, and behind the second, there is so much as three groups of a MAC address or a bot's token
   have there: nothing else with dots is searched for. */
static int
has_dotted_groups(const char *shape, Py_ssize_t size, Py_ssize_t first, Py_ssize_t second)
{
    int is_mac = second - first == 5;
    Py_ssize_t end = second + (is_mac ? 5 : 28);
    if (end > size || !(is_mac || second - first == 7))
        return 0;
    for (Py_ssize_t at = first + 1; at < end; at++)
        if (at != second && !is_code(shape[at]) && (is_mac || !(shape[at] == '_' || shape[at] == '-')))
            return 0;
    return 1;
}

/* Which forms may be in a text, by its shape; bits as forms.py names them. Times, fractions and sentences have colons,
   hyphens and dots as well: as many, and where addresses have them, is what counts. */
static int
forms_of(Gate *gate, Look *look)
{
    const char *shape = look->shape;
    Py_ssize_t size = look->size, last_hyphen = -1, last_dot = -1;
    int forms = 0, colons = 0, hyphens = 0, octets = 0, word = 0, digits = 0, in_block = 0, together = 0;
    char last = 0, before = 0;
    for (Py_ssize_t at = 0; at < size; at++) {
        char now = shape[at];
        switch (now) {
        case '0':
            forms |= ANY;
            if (last == 'A')
                forms |= CODES;
            if (last == '0' && (before == 'A' || before == 'a') && at >= 3 && !(forms & HEADS) &&
                is_head(gate, look, at - 3))
                forms |= HEADS;
            together = last == '0' ? together + 1 : 1;
            if (last == '.' && octets == 3)
                forms |= QUADS;
            word++;
            digits = in_block ? digits + 1 : 1;
            in_block = 1;
            if (digits >= LEAST_DIGITS)
                forms |= RUNS;
            break;
        case 'A':
            if (last == '0' || (last == '-' && before == '0') ||
                (last == ' ' && at >= 9 && memcmp(shape + at - 9, "00 00 00 ", 9) == 0))
                forms |= CODES;
            word++;
            in_block = 0;
            break;
        case 'a':
            word++;
            in_block = 0;
            if (last == 'a') /* as most letters do, it changes no more than the one before it */
                for (; at + 1 < size && shape[at + 1] == 'a'; at++)
                    word++;
            break;
        case ':':
            if (last == ':')
                forms |= ANY | COLONS;
            if (++colons > 4)
                forms |= COLONS;
            word = in_block = 0;
            break;
        case '-':
            hyphens = at - last_hyphen == 3 ? hyphens + 1 : 1;
            last_hyphen = at;
            if (hyphens > 4)
                forms |= HYPHENS;
            word = 0;
            break;
        case '.':
            octets = last != '0' ? 0 : octets && last_dot == at - together - 1 && together < 4 ? octets + 1 : 1;
            if (last_dot >= 0 && has_dotted_groups(shape, size, last_dot, at))
                forms |= DOTS;
            last_dot = at;
            word = 0;
            break;
        case ' ':
        case '(':
        case ')':
        case '/':
            word = 0;
            break;
        default:
            word = in_block = 0;
        }
        if (word >= LONGEST_WORD)
            forms |= WORDS;
        if (colons && !(now == ':' || now == '.' || is_code(now)))
            colons = 0; /* nothing that is written in hexadecimal goes on */
        before = last;
        last = now;
    }
    return forms & ANY ? forms : 0;
}

static inline int
note(Place **found, Py_ssize_t *many, Py_ssize_t *room, Place *few, Py_ssize_t end, unsigned state)
{
    if (*many == *room) {
        Place *more = malloc((size_t)*room * 4 * sizeof(Place));
        if (more == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        memcpy(more, *found, (size_t)*many * sizeof(Place));
        if (*found != few)
            free(*found);
        *found = more;
        *room *= 4;
    }
    (*found)[*many].end = end;
    (*found)[(*many)++].state = (int)(state & ~ENDS_LITERAL);
    return 0;
}

static inline char
shape_at(Gate *gate, Py_UCS4 character)
{
    if (character < 256)
        return (char)gate->shapes[character];
    return character >= 0x2010 && character <= 0x2013 ? '-' : '?';
}

/* The lower case of a text beyond ASCII, as `lower_evenly`, which is asked where a character depends on others (a sigma
   at the end of a word) or becomes two (I with a dot). */
static PyObject *
lower_of(Gate *gate, PyObject *text)
{
    int kind = PyUnicode_KIND(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    const void *data = PyUnicode_DATA(text);
    Py_UCS4 largest = 0;
    PyObject *lower = PyUnicode_New(size, PyUnicode_MAX_CHAR_VALUE(text)), *narrow;
    if (lower == NULL)
        return NULL;
    for (Py_ssize_t at = 0; at < size; at++) {
        Py_UCS4 character = PyUnicode_READ(kind, data, at);
        if (character == 0x130 || character == 0x3A3) {
            Py_DECREF(lower);
            return PyObject_CallOneArg(gate->lower_evenly, text);
        }
        if (character >= 128)
            character = Py_UNICODE_TOLOWER(character);
        else if (character >= 'A' && character <= 'Z')
            character |= 32;
        largest = character > largest ? character : largest;
        PyUnicode_WRITE(kind, PyUnicode_DATA(lower), at, character);
    }
    if (largest > (kind == PyUnicode_1BYTE_KIND ? 0x7F : kind == PyUnicode_2BYTE_KIND ? 0xFF : 0xFFFF))
        return lower;
    /* Texts are equal only when they are as wide: the Kelvin sign becomes a k. */
    narrow = PyUnicode_FromKindAndData(kind, PyUnicode_DATA(lower), size);
    Py_DECREF(lower);
    return narrow;
}

/* look(text): lower case, shape, places by part, forms; None where no part has anything to look at. */
static PyObject *
look_at(Gate *gate, PyObject *text)
{
    Place few[64], *found = few;
    Py_ssize_t many = 0, room = 64;
    PyObject *lower = NULL, *shape = NULL, *places = NULL, *answer = NULL;
    unsigned state = 0;
    int forms, seen = 0;
    Look look = {text};
    if (!PyUnicode_CheckExact(text)) {
        PyErr_SetString(PyExc_TypeError, "a text is needed");
        return NULL;
    }
    look.size = PyUnicode_GET_LENGTH(text);
    look.kind = PyUnicode_KIND(text);
    look.data = PyUnicode_DATA(text);
    if ((shape = PyUnicode_New(look.size, 127)) == NULL || (places = PyDict_New()) == NULL)
        goto end;
    char *shape_data = (char *)PyUnicode_1BYTE_DATA(shape);
    look.shape = shape_data;
    if (PyUnicode_IS_ASCII(text)) {
        if ((lower = PyUnicode_New(look.size, 127)) == NULL)
            goto end;
        unsigned char *low = PyUnicode_1BYTE_DATA(lower);
        const unsigned char *data = look.data;
        for (Py_ssize_t at = 0; at < look.size; at++) {
            Reading reading = gate->reading[data[at]];
            seen |= reading.tells;
            shape_data[at] = (char)reading.shape;
            low[at] = reading.lower;
            state = gate->next[(state & ~ENDS_LITERAL) << COLUMN_BITS | reading.column];
            if (state & ENDS_LITERAL && note(&found, &many, &room, few, at + 1, state) < 0)
                goto end;
        }
    }
    else {
        if ((lower = lower_of(gate, text)) == NULL)
            goto end;
        if (!PyUnicode_CheckExact(lower) || PyUnicode_GET_LENGTH(lower) != look.size) {
            PyErr_SetString(PyExc_ValueError, "a lower case of another length");
            goto end;
        }
        int kind = PyUnicode_KIND(lower);
        const void *data = PyUnicode_DATA(lower);
        for (Py_ssize_t at = 0; at < look.size; at++) {
            shape_data[at] = shape_at(gate, AT(&look, at));
            state = step(gate, state & ~ENDS_LITERAL, PyUnicode_READ(kind, data, at));
            if (state & ENDS_LITERAL && note(&found, &many, &room, few, at + 1, state) < 0)
                goto end;
        }
    }
    look.lower_kind = PyUnicode_KIND(lower);
    look.lower_data = PyUnicode_DATA(lower);
    if (many) {
        look.has_hyphen = PyUnicode_FindChar(text, '-', 0, look.size, 1) >= 0;
        if (add_places(gate, &look, places, found, many) < 0)
            goto end;
    }
    forms = seen || !PyUnicode_IS_ASCII(text) ? forms_of(gate, &look) : 0;
    if (!PyDict_GET_SIZE(places) && (!forms || (forms == ANY && look.size > LONGEST_WHOLE)))
        answer = Py_NewRef(Py_None);
    else {
        PyObject *number = PyLong_FromLong(forms);
        answer = number == NULL ? NULL : PyTuple_Pack(4, lower, shape, places, number);
        Py_XDECREF(number);
    }
end:
    if (found != few)
        free(found);
    Py_XDECREF(lower);
    Py_XDECREF(shape);
    Py_XDECREF(places);
    return answer;
}

static void
free_gate(Gate *gate)
{
    for (Py_ssize_t each = 0; each < gate->many_guards; each++)
        Py_XDECREF(gate->guards[each].spellings);
    free(gate->next);
    free(gate->fail);
    free(gate->endings);
    free(gate->first_edge);
    free(gate->edge);
    free(gate->guards);
    Py_XDECREF(gate->plain_names);
    Py_XDECREF(gate->lower_evenly);
    Py_TYPE(gate)->tp_free((PyObject *)gate);
}

/* Put the first characters of a literal into the tree, and return the state that they end in. */
static int
plant(Gate *gate, PyObject *literal, Py_ssize_t many)
{
    int state = 0;
    for (Py_ssize_t at = 0; at < many; at++) {
        Py_UCS4 character = PyUnicode_READ_CHAR(literal, at);
        int to = character < 128 ? gate->next[state << COLUMN_BITS | gate->column[character]]
                                 : edge_from(gate, state, character);
        if (!to) {
            to = gate->states++;
            if (character < 128)
                gate->next[state << COLUMN_BITS | gate->column[character]] = (unsigned short)to;
            else {
                Edge edge = {state, to, character, gate->first_edge[state]};
                gate->edge[gate->edges] = edge;
                gate->first_edge[state] = gate->edges++;
            }
        }
        state = to;
    }
    return state;
}

static void
link_failure(Gate *gate, int *queue, int *filled, int to, int fail)
{
    gate->fail[to] = (unsigned short)fail;
    gate->endings[to].shorter = gate->endings[fail].many ? fail : gate->endings[fail].shorter;
    queue[(*filled)++] = to;
}

/* Complete the tree to an automaton that reads each character once. */
static int
complete(Gate *gate)
{
    int *queue = malloc((size_t)gate->states * sizeof(int)), taken = 0, filled = 0;
    if (queue == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    /* Breadth first: where a shorter text leads to is known before a longer one asks. */
    for (int state = 0, first = 1; first || taken < filled; first = 0) {
        if (!first)
            state = queue[taken++];
        int fail = gate->fail[state];
        for (int column = 1; column < gate->columns; column++) {
            unsigned short *to = &gate->next[state << COLUMN_BITS | column];
            unsigned short other = state ? gate->next[fail << COLUMN_BITS | column] : 0;
            if (*to)
                link_failure(gate, queue, &filled, *to, other);
            else
                *to = other;
        }
        for (int each = gate->first_edge[state]; each >= 0; each = gate->edge[each].next) {
            int from = fail, to = 0;
            while (state && !(to = edge_from(gate, from, gate->edge[each].character)) && from)
                from = gate->fail[from];
            link_failure(gate, queue, &filled, gate->edge[each].to, to);
        }
    }
    free(queue);
    for (Py_ssize_t at = 0; at < (Py_ssize_t)gate->states * COLUMNS; at++)
        if (gate->endings[gate->next[at]].many || gate->endings[gate->next[at]].shorter)
            gate->next[at] |= ENDS_LITERAL;
    return 0;
}

/* Read (owner, begins, ends, meant, named, before, behind, least, reach, sign, spellings). */
static int
read_guard(Guard *guard, PyObject *given, PyObject *literal)
{
    PyObject *sign;
    if (!PyArg_ParseTuple(given, "iipppiiiiUO", &guard->owner, &guard->begins, &guard->ends, &guard->meant,
                          &guard->named, &guard->before, &guard->behind, &guard->least, &guard->reach, &sign,
                          &guard->spellings))
        return -1;
    guard->length = (int)PyUnicode_GET_LENGTH(literal);
    guard->sign = PyUnicode_GET_LENGTH(sign) ? PyUnicode_READ_CHAR(sign, 0) : 0;
    if (guard->spellings != Py_None) {
        int fits = PyTuple_CheckExact(guard->spellings);
        for (Py_ssize_t at = 0; fits && at < PyTuple_GET_SIZE(guard->spellings); at++) {
            PyObject *spelling = PyTuple_GET_ITEM(guard->spellings, at);
            fits = PyUnicode_CheckExact(spelling) && PyUnicode_IS_ASCII(spelling) &&
                   PyUnicode_GET_LENGTH(spelling) == guard->length;
        }
        if (!fits) {
            guard->spellings = NULL;
            PyErr_SetString(PyExc_ValueError, "spellings are texts of ASCII as long as the literal");
            return -1;
        }
    }
    Py_INCREF(guard->spellings);
    return 0;
}

static int
fill(Gate *gate, PyObject *literals)
{
    Py_ssize_t at = 0, characters = 1, guards = 0, planted = 0, longest = 0;
    PyObject *literal, *given;
    gate->columns = 1;
    while (PyDict_Next(literals, &at, &literal, &given)) {
        if (!PyUnicode_CheckExact(literal) || !PyUnicode_GET_LENGTH(literal) || !PyList_CheckExact(given)) {
            PyErr_SetString(PyExc_TypeError, "literals with a list of guards each are needed");
            return -1;
        }
        characters += PyUnicode_GET_LENGTH(literal);
        longest = PyUnicode_GET_LENGTH(literal) > longest ? PyUnicode_GET_LENGTH(literal) : longest;
        guards += PyList_GET_SIZE(given);
        for (Py_ssize_t each = 0; each < PyUnicode_GET_LENGTH(literal); each++) {
            Py_UCS4 character = PyUnicode_READ_CHAR(literal, each);
            if (character >= 128)
                gate->beyond[character & 255] = 1;
            else if (!gate->column[character] && gate->columns <= COLUMNS)
                gate->column[character] = (unsigned char)gate->columns++;
        }
    }
    if (characters >= MOST_STATES || gate->columns > COLUMNS) {
        PyErr_SetString(PyExc_ValueError, "too many literals");
        return -1;
    }
    gate->next = calloc((size_t)characters * COLUMNS, sizeof(unsigned short));
    gate->fail = calloc((size_t)characters, sizeof(unsigned short));
    gate->endings = calloc((size_t)characters, sizeof(Ending));
    gate->first_edge = malloc((size_t)characters * sizeof(int));
    gate->edge = calloc((size_t)characters, sizeof(Edge));
    gate->guards = calloc((size_t)guards + 1, sizeof(Guard));
    if (!gate->next || !gate->fail || !gate->endings || !gate->first_edge || !gate->edge || !gate->guards) {
        PyErr_NoMemory();
        return -1;
    }
    for (at = 0; at < characters; at++)
        gate->first_edge[at] = -1;
    gate->states = 1;
    /* Short beginnings first: the states that most of a text leads to lie side by side. */
    for (Py_ssize_t many = 1; many <= longest; many++)
        for (at = 0; PyDict_Next(literals, &at, &literal, &given);)
            if (many <= PyUnicode_GET_LENGTH(literal))
                plant(gate, literal, many);
    for (at = 0; PyDict_Next(literals, &at, &literal, &given);) {
        Ending *ending = &gate->endings[plant(gate, literal, PyUnicode_GET_LENGTH(literal))];
        ending->first = planted;
        ending->many = PyList_GET_SIZE(given);
        for (Py_ssize_t each = 0; each < ending->many; each++) {
            gate->many_guards = ++planted;
            if (read_guard(&gate->guards[planted - 1], PyList_GET_ITEM(given, each), literal) < 0)
                return -1;
        }
    }
    for (int each = 0; each < 128; each++) {
        unsigned char lower = (unsigned char)(each >= 'A' && each <= 'Z' ? each | 32 : each);
        gate->reading[each] = (Reading){gate->shapes[each], lower, gate->column[lower],
                                        each == ':' || (each >= '0' && each <= '9')};
    }
    return complete(gate);
}

/* Gate(literals, plain names, what lowers a text and keeps its length, shapes of the first 256 characters, countries) */
static PyObject *
make_gate(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *literals, *plain, *lower_evenly;
    const char *countries;
    Py_ssize_t size;
    Py_buffer table;
    Gate *gate;
    if (!PyArg_ParseTuple(args, "O!O!Oy*y#", &PyDict_Type, &literals, &PySet_Type, &plain, &lower_evenly, &table,
                          &countries, &size))
        return NULL;
    if (table.len != 256 || size != 26 * 26 || (gate = (Gate *)type->tp_alloc(type, 0)) == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "shapes of 256 characters and a table of 26 by 26 letters are needed");
        PyBuffer_Release(&table);
        return NULL;
    }
    memcpy(gate->shapes, table.buf, 256);
    memcpy(gate->countries, countries, 26 * 26);
    PyBuffer_Release(&table);
    gate->plain_names = Py_NewRef(plain);
    gate->lower_evenly = Py_NewRef(lower_evenly);
    if (fill(gate, literals) < 0)
        Py_CLEAR(gate);
    return (PyObject *)gate;
}

static PyMethodDef methods[] = {
    {"look", (PyCFunction)look_at, METH_O, "Return lower case, shape, places by part, and which forms may be there."},
    {NULL},
};

PyTypeObject GateType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "tracing_proxies._hot.Gate",
    .tp_basicsize = sizeof(Gate),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = make_gate,
    .tp_dealloc = (destructor)free_gate,
    .tp_methods = methods,
};
