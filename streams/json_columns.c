/* Reads a batch of JSON events into columns, without a Python object for each event or field.

   It takes what producers write: one object with distinct fields, the known ones of the expected types, and perhaps
   some that nobody knows, which are skipped and counted. A message with anything else is unusual, which is no error:
   streams/record_reader.py passes it to streams/decode.py, which alone decides what is valid. So each function here may
   refuse whatever is rare, and must never take what the decoder refuses, or read it differently
   (tests/properties/test_columnar.py compares both).

   Every message is a bytes object, which Python ends with a NUL: no branch below goes on after one, so none reads
   beyond it. A reader returns the place after what it read, or NULL where that is unusual.

   Messages are read without the interpreter's lock, so that other threads go on meanwhile, among them the one that
   fetches the next messages: what read_rows calls makes no Python object and raises nothing. */

#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE /* strtod_l, which is in POSIX only since 2024 */
#include <Python.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __APPLE__
#include <xlocale.h>
#endif

enum kind { UUID, TIME, SCORE, MONEY, WHOLE, FLAG, TEXT, TEXTS, KINDS };

/* Bits of a value by kind, as Arrow stores them; texts have offsets instead. */
static const size_t BITS[KINDS] = {128, 64, 128, 128, 32, 1, 0, 0};

enum {
    MAX_FIELDS = 64,        /* one bit each */
    MAX_UNKNOWN = 8,        /* fields of one message */
    MAX_DEPTH = 64,         /* of their lists and objects, one bit each */
    UUID_LENGTH = 36,
    EXACT_DIGITS = 15,      /* that a double represents whatever they are */
    MONEY_DECIMALS = 6,
    MONEY_WHOLE_DIGITS = 11,
    MONEY_STEP = 100,       /* ten-thousandths are kept of millionths */
    LONGEST_NUMBER = 63,
};

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const int64_t WHOLE_POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

typedef const uint8_t *Place;

typedef struct {
    char *data;
    size_t used, size;
} Buffer;

typedef struct {
    const char *name;
    size_t length;
    enum kind kind;
    int required;
    double low, high;   /* in the unit of the kind; whole numbers below 2^53 are exact. Of TEXTS: how many */
    PyObject *values;   /* bytes: BITS of the kind for each event, 0 where missing; offsets of texts or lists */
    PyObject *valid;    /* bytes: a bit for each event that has the field */
    Py_ssize_t given;   /* events that have it */
    Buffer text;        /* all texts, one after another */
    Buffer items;       /* offsets of the texts of all lists */
} Column;

typedef struct {
    Place at;
    size_t length;
} Name;

typedef struct {
    Column columns[MAX_FIELDS];
    int count;
    uint64_t required;
    Py_ssize_t longest;         /* message, in bytes */
    int key;                    /* the column that must equal the message's key */
    uint8_t next[MAX_FIELDS];   /* the column that followed each one last time */
    uint8_t first;
    PyObject *unusual;          /* bytes: 1 for each event that is */
    PyObject *unknown;          /* bytes: for each event the number of fields that are no column */
    Buffer scratch;
} Table;

typedef struct {
    int negative, point, exponent, digits, decimals;    /* digits from the first that is not 0 */
    uint64_t mantissa;
} Number;

static int reserve(Buffer *buffer, size_t more) {
    size_t needed = buffer->used + more;
    if (needed <= buffer->size) return 1;
    if (needed > INT32_MAX) return 0;
    size_t size = needed < 512 ? 1024 : 2 * needed;
    char *data = PyMem_RawRealloc(buffer->data, size);
    if (data == NULL) return 0;
    buffer->data = data;
    buffer->size = size;
    return 1;
}

static int append(Buffer *buffer, const void *data, size_t length) {
    if (length == 0) return 1;
    if (!reserve(buffer, length)) return 0;
    memcpy(buffer->data + buffer->used, data, length);
    buffer->used += length;
    return 1;
}

static Place space(Place at) {
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
    return at;
}

static Place literal(Place at, const char *word) {
    for (; *word; word++, at++)
        if (*at != (uint8_t)*word) return NULL;
    return at;
}

static int hex(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A canonical UUID in quotes, neither all 0 nor all f. */
static Place uuid(Place at, uint8_t *into) {
    if (*at++ != '"') return NULL;
    uint8_t all = 0xff, any = 0;
    for (int octet = 0; octet < 16; octet++) {
        if ((octet == 4 || octet == 6 || octet == 8 || octet == 10) && *at++ != '-') return NULL;
        int high = hex(*at++);
        if (high < 0) return NULL;
        int low = hex(*at++);
        if (low < 0) return NULL;
        into[octet] = (uint8_t)(high << 4 | low);
        all &= into[octet];
        any |= into[octet];
    }
    return *at == '"' && any != 0 && all != 0xff ? at + 1 : NULL;
}

static Place digits(Place at, int count, int *into) {
    int value = 0;
    for (; count; count--, at++) {
        if (*at < '0' || *at > '9') return NULL;
        value = 10 * value + (*at - '0');
    }
    *into = value;
    return at;
}

static int is_within(const Column *column, double value) {
    return value >= column->low && value <= column->high;
}

/* Days from 1970-01-01 in the proleptic Gregorian calendar; years begin in March, so that a leap day is the last. */
static int64_t days(int year, int month, int day) {
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, of_era = y - 400 * era;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return 146097 * era + 365 * of_era + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int length_of(int year, int month) {
    if (month != 2) return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
}

/* ISO 8601 as producers write it, with seconds and an offset, as milliseconds from 1970. Digits below a microsecond, of
   .NET, Go and Java, are dropped. */
static Place moment(Place at, const Column *column, int64_t *into) {
    int year, month, day, hour, minute, second, micros = 0, offset_hours = 0, offset_minutes = 0, sign = 1;
    if (*at++ != '"') return NULL;
    if (!(at = digits(at, 4, &year)) || *at++ != '-') return NULL;
    if (!(at = digits(at, 2, &month)) || *at++ != '-') return NULL;
    if (!(at = digits(at, 2, &day)) || (*at != 'T' && *at != ' ')) return NULL;
    at++;
    if (!(at = digits(at, 2, &hour)) || *at++ != ':') return NULL;
    if (!(at = digits(at, 2, &minute)) || *at++ != ':') return NULL;
    if (!(at = digits(at, 2, &second))) return NULL;
    if (*at == '.') {
        int count = 0;
        for (at++; *at >= '0' && *at <= '9'; at++, count++)
            if (count < 6) micros = 10 * micros + (*at - '0');
        if (count == 0 || count > 9) return NULL;
        for (; count < 6; count++) micros *= 10;
    }
    if (*at == '+' || *at == '-') {
        sign = *at++ == '+' ? 1 : -1;
        if (!(at = digits(at, 2, &offset_hours))) return NULL;
        at += *at == ':';
        if (!(at = digits(at, 2, &offset_minutes))) return NULL;
    } else if (*at++ != 'Z') {
        return NULL;
    }
    if (*at != '"' || month < 1 || month > 12 || day < 1 || day > length_of(year, month)) return NULL;
    if (hour > 23 || minute > 59 || second > 59 || offset_hours > 23 || offset_minutes > 59) return NULL;
    int64_t seconds = 86400 * days(year, month, day) + 3600 * hour + 60 * minute + second;
    seconds -= sign * (3600 * offset_hours + 60 * offset_minutes);
    if (!is_within(column, 1e6 * (double)seconds + micros)) return NULL;
    *into = 1000 * seconds + micros / 1000;
    return at + 1;
}

/* A number in JSON's grammar. Beyond 19 digits the mantissa is wrong, and nobody uses it. */
static Place number(Place at, Number *into) {
    Number found = {0};
    if (*at == '-') found.negative = 1, at++;
    if (*at < '0' || *at > '9') return NULL;
    if (*at == '0' && at[1] >= '0' && at[1] <= '9') return NULL;
    for (;; at++) {
        if (*at == '.' && !found.point) {
            found.point = 1;
            if (at[1] < '0' || at[1] > '9') return NULL;
        } else if (*at >= '0' && *at <= '9') {
            found.mantissa = 10 * found.mantissa + (*at - '0');
            found.digits += found.digits > 0 || *at != '0';
            found.decimals += found.point;
        } else {
            break;
        }
    }
    if (*at == 'e' || *at == 'E') {
        found.exponent = 1;
        at++;
        if (*at == '+' || *at == '-') at++;
        if (*at < '0' || *at > '9') return NULL;
        while (*at >= '0' && *at <= '9') at++;
    }
    *into = found;
    return at;
}

/* A fixed-point number of 128 bits. */
static void fixed_point(int64_t value, int64_t *into) {
    into[0] = value;
    into[1] = value >> 63;
}

/* The locale of strtod_l, whose decimal point is a point. */
static locale_t plain;

/* The nearest double: by one exact division where that is exact (Clinger, 1990), else by the C library. */
static Place real(Place at, double *into) {
    Number found;
    Place end = number(at, &found);
    if (end == NULL) return NULL;
    if (!found.exponent && found.digits <= EXACT_DIGITS && found.decimals < (int)(sizeof POWERS / sizeof *POWERS)) {
        double value = (double)found.mantissa / POWERS[found.decimals];
        *into = found.negative ? -value : value;
        return end;
    }
    char text[LONGEST_NUMBER + 1];
    size_t length = (size_t)(end - at);
    if (length > LONGEST_NUMBER) return NULL;
    memcpy(text, at, length);
    text[length] = 0;
    *into = strtod_l(text, NULL, plain);
    return end;
}

/* A score in ten-thousandths, half to even as NumPy rounds. */
static Place score(Place at, const Column *column, int64_t *into) {
    double value;
    at = real(at, &value);
    if (at == NULL || !is_within(column, value)) return NULL;
    fixed_point((int64_t)rint(10000.0 * value), into);
    return at;
}

/* Money in ten-thousandths, half to even; a number, or one in quotes as programs with exact decimals write it. With more
   digits a double, which the decoder reads, need not be what was written. */
static Place money(Place at, const Column *column, int64_t *into) {
    Number found;
    int quoted = *at == '"';
    at = number(at + quoted, &found);
    if (at == NULL || (quoted && *at++ != '"')) return NULL;
    if (found.negative || found.exponent || found.digits > EXACT_DIGITS) return NULL;
    if (found.decimals > MONEY_DECIMALS || found.digits - found.decimals > MONEY_WHOLE_DIGITS) return NULL;
    int64_t millionths = (int64_t)found.mantissa * WHOLE_POWERS[MONEY_DECIMALS - found.decimals];
    int64_t kept = millionths / MONEY_STEP, rest = millionths % MONEY_STEP;
    if (!is_within(column, (double)(kept + (rest > 0)))) return NULL;
    fixed_point(kept + (2 * rest > MONEY_STEP || (2 * rest == MONEY_STEP && kept % 2 == 1)), into);
    return at;
}

static Place whole(Place at, const Column *column, uint32_t *into) {
    Number found;
    at = number(at, &found);
    if (at == NULL || found.negative || found.point || found.exponent || found.digits > EXACT_DIGITS) return NULL;
    if (!is_within(column, (double)found.mantissa)) return NULL;
    *into = (uint32_t)found.mantissa;
    return at;
}

static void set_bit(PyObject *bits, Py_ssize_t row) {
    PyBytes_AS_STRING(bits)[row >> 3] |= (char)(1 << (row & 7));
}

static Place flag(Place at, PyObject *bits, Py_ssize_t row) {
    if (*at != 't') return literal(at, "false");
    set_bit(bits, row);
    return literal(at, "true");
}

static Place code_unit(Place at, uint32_t *into) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++, at++) {
        int digit = hex(*at);
        if (digit < 0) return NULL;
        value = value << 4 | (uint32_t)digit;
    }
    *into = value;
    return at;
}

/* What follows \u, of one character or of a surrogate pair, as UTF-8. */
static Place unicode_escape(Place at, Buffer *text) {
    uint32_t code, low;
    if (!(at = code_unit(at, &code))) return NULL;
    if (code >= 0xdc00 && code < 0xe000) return NULL;
    if (code >= 0xd800 && code < 0xdc00) {
        if (*at++ != '\\' || *at++ != 'u') return NULL;
        if (!(at = code_unit(at, &low)) || low < 0xdc00 || low >= 0xe000) return NULL;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char encoded[4];
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6) encoded[i] = (char)(0x80 | (code & 0x3f));
    encoded[0] = (char)(length == 1 ? code : (0xf00 >> length & 0xff) | code);
    return append(text, encoded, length) ? at : NULL;
}

static Place escape(Place at, Buffer *text) {
    char c;
    switch (*at++) {
    case '"': c = '"'; break;
    case '\\': c = '\\'; break;
    case '/': c = '/'; break;
    case 'b': c = '\b'; break;
    case 'f': c = '\f'; break;
    case 'n': c = '\n'; break;
    case 'r': c = '\r'; break;
    case 't': c = '\t'; break;
    case 'u': return unicode_escape(at, text);
    default: return NULL;
    }
    return append(text, &c, 1) ? at : NULL;
}

/* Whether all of it is UTF-8 (table 3-7 of the Unicode standard): no surrogates, nothing longer than it must be. */
static int is_utf8(Place at, size_t length) {
    for (Place end = at + length; at < end;) {
        uint8_t first = *at++;
        if (first < 0x80) continue;
        int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if (first < 0xc2 || first > 0xf4 || end - at < more) return 0;
        uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
        uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
        if (*at < low || *at > high) return 0;
        for (at++; --more > 0; at++)
            if (*at < 0x80 || *at > 0xbf) return 0;
    }
    return 1;
}

/* Text in quotes. Empty text is unusual, because empty means missing in a column. */
static Place text(Place at, Buffer *into) {
    if (*at++ != '"' || *at == '"') return NULL;
    for (;;) {
        Place start = at;
        uint8_t any = 0;
        while (*at >= 0x20 && *at != '"' && *at != '\\') any |= *at++;
        size_t length = (size_t)(at - start);
        if (any & 0x80 && !is_utf8(start, length)) return NULL;
        if (!append(into, start, length)) return NULL;
        if (*at == '"') return at + 1;
        if (*at++ != '\\' || !(at = escape(at, into))) return NULL;
    }
}

static Place texts(Place at, Column *column) {
    if (*at++ != '[') return NULL;
    at = space(at);
    if (*at == ']') return at + 1;
    for (int count = 1;; count++) {
        if (count > column->high || !(at = text(at, &column->text))) return NULL;
        int32_t end = (int32_t)column->text.used;
        if (!append(&column->items, &end, sizeof end)) return NULL;
        at = space(at);
        if (*at == ']') return at + 1;
        if (*at++ != ',') return NULL;
        at = space(at);
    }
}

static Place value(Place at, Column *column, Py_ssize_t row) {
    if (*at == 'n') return column->required ? NULL : literal(at, "null");
    set_bit(column->valid, row);
    column->given++;
    void *into = PyBytes_AS_STRING(column->values) + (size_t)row * (BITS[column->kind] / 8);
    switch (column->kind) {
    case UUID: return uuid(at, into);
    case TIME: return moment(at, column, into);
    case SCORE: return score(at, column, into);
    case MONEY: return money(at, column, into);
    case WHOLE: return whole(at, column, into);
    case FLAG: return flag(at, column->values, row);
    case TEXT: return text(at, &column->text);
    case TEXTS: return texts(at, column);
    default: return NULL;
    }
}

static int is_named(const Column *column, Place at, Place end) {
    return (size_t)(end - at) > column->length && at[column->length] == '"'
        && memcmp(at, column->name, column->length) == 0;
}

/* The column that a name (after its quote) means: most events have their fields in the same order as the one before. */
static int column_of(const Table *table, Place at, Place end, int likely) {
    if (likely < table->count && is_named(&table->columns[likely], at, end)) return likely;
    for (int i = 0; i < table->count; i++)
        if (is_named(&table->columns[i], at, end)) return i;
    return -1;
}

/* Text in quotes that nobody needs. */
static Place skipped_text(Place at, Buffer *scratch) {
    scratch->used = 0;
    return *at == '"' && at[1] == '"' ? at + 2 : text(at, scratch);
}

static Place skipped_scalar(Place at, Buffer *scratch) {
    Number found;
    switch (*at) {
    case '"': return skipped_text(at, scratch);
    case 't': return literal(at, "true");
    case 'f': return literal(at, "false");
    case 'n': return literal(at, "null");
    default: break;
    }
    Place end = number(at, &found);
    return end != NULL && !found.exponent && end - at <= LONGEST_NUMBER ? end : NULL;
}

static Place skipped_name(Place at, Buffer *scratch) {
    if (!(at = skipped_text(at, scratch))) return NULL;
    at = space(at);
    return *at == ':' ? space(at + 1) : NULL;
}

/* The value of a field that nobody knows. Lists and objects may nest; a bit for each level says which it is. */
static Place skipped(Place at, Buffer *scratch) {
    uint64_t objects = 0;
    int depth = 0;
    for (;;) {
        if (*at == '{' || *at == '[') {
            if (depth++ == MAX_DEPTH) return NULL;
            int is_object = *at == '{';
            objects = objects << 1 | (uint64_t)is_object;
            at = space(at + 1);
            if (*at != (is_object ? '}' : ']')) {
                if (is_object && !(at = skipped_name(at, scratch))) return NULL;
                continue;
            }
        } else {
            if (!(at = skipped_scalar(at, scratch))) return NULL;
            if (depth == 0) return at;
            at = space(at);
        }
        while (*at == (objects & 1 ? '}' : ']')) {
            objects >>= 1;
            at++;
            if (--depth == 0) return at;
            at = space(at);
        }
        if (*at != ',') return NULL;
        at = space(at + 1);
        if (objects & 1 && !(at = skipped_name(at, scratch))) return NULL;
    }
}

/* A field that is no column: its name (after the quote), once in a message, and its value. */
static Place unknown(Place at, Table *table, Name *names, int *count) {
    Place start = at;
    while (*at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
    Name name = {start, (size_t)(at - start)};
    if (*at++ != '"' || *count == MAX_UNKNOWN) return NULL;
    for (int i = 0; i < *count; i++)
        if (names[i].length == name.length && memcmp(names[i].at, name.at, name.length) == 0) return NULL;
    names[(*count)++] = name;
    at = space(at);
    if (*at++ != ':') return NULL;
    return skipped(space(at), &table->scratch);
}

/* The key is the tenant in lower case, which may be written in capitals. */
static int is_key(Place at, const char *key, Py_ssize_t length) {
    if (length != UUID_LENGTH) return 0;
    for (int i = 0; i < UUID_LENGTH; i++)
        if ((at[i] >= 'A' && at[i] <= 'F' ? at[i] | 0x20 : at[i]) != (uint8_t)key[i]) return 0;
    return 1;
}

/* Reads one message; -1 where it is unusual, else the number of its unknown fields. */
static int event(Table *table, PyObject *message, PyObject *key, Py_ssize_t row) {
    if (!PyBytes_CheckExact(message) || !PyBytes_CheckExact(key)) return -1;
    if (PyBytes_GET_SIZE(message) > table->longest) return -1;
    Place at = (Place)PyBytes_AS_STRING(message), end = at + PyBytes_GET_SIZE(message);
    uint64_t seen = 0;
    Name names[MAX_UNKNOWN];
    int count = 0;
    uint8_t *likely = &table->first;
    at = space(at);
    if (*at++ != '{') return -1;
    for (;;) {
        at = space(at);
        if (*at++ != '"') return -1;
        int which = column_of(table, at, end, *likely);
        if (which < 0) {
            if (!(at = unknown(at, table, names, &count))) return -1;
        } else {
            if (seen >> which & 1) return -1;
            seen |= (uint64_t)1 << which;
            *likely = (uint8_t)which;
            likely = &table->next[which];
            Column *column = &table->columns[which];
            at = space(at + column->length + 1);
            if (*at++ != ':') return -1;
            at = space(at);
            Place start = at;
            if (!(at = value(at, column, row))) return -1;
            if (which == table->key && !is_key(start + 1, PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))) return -1;
        }
        at = space(at);
        if (*at == '}') break;
        if (*at++ != ',') return -1;
    }
    return space(at + 1) == end && (seen & table->required) == table->required ? count : -1;
}

/* Forgets the texts of an unusual message; its other values stay, and nobody looks at them. */
static void undo_row(Table *table, Py_ssize_t row) {
    for (int i = 0; i < table->count; i++) {
        Column *column = &table->columns[i];
        if (BITS[column->kind]) continue;
        int32_t before = ((int32_t *)PyBytes_AS_STRING(column->values))[row];
        if (column->kind == TEXTS) {
            column->items.used = ((size_t)before + 1) * sizeof(int32_t);
            before = ((int32_t *)column->items.data)[before];
        }
        column->text.used = (size_t)before;
    }
}

static void close_row(Table *table, Py_ssize_t row) {
    for (int i = 0; i < table->count; i++) {
        Column *column = &table->columns[i];
        if (BITS[column->kind]) continue;
        int32_t *offsets = (int32_t *)PyBytes_AS_STRING(column->values);
        offsets[row + 1] = (int32_t)(column->kind == TEXT ? column->text.used : column->items.used / sizeof(int32_t) - 1);
    }
}

static PyObject *zeros(size_t size) {
    PyObject *made = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (made != NULL) memset(PyBytes_AS_STRING(made), 0, size);
    return made;
}

static int begin(Table *table, PyObject *fields, Py_ssize_t rows) {
    memset(table, 0, sizeof *table);
    table->unusual = zeros((size_t)rows);
    table->unknown = zeros((size_t)rows);
    if (!table->unusual || !table->unknown) return 0;
    if (PyTuple_GET_SIZE(fields) > MAX_FIELDS) {
        PyErr_Format(PyExc_ValueError, "fields: expected at most %d", MAX_FIELDS);
        return 0;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); i++) {
        Column *column = &table->columns[i];
        Py_ssize_t length;
        int kind;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(fields, i), "y#ipdd", &column->name, &length, &kind, &column->required,
                              &column->low, &column->high))
            return 0;
        if (kind < 0 || kind >= KINDS) {
            PyErr_Format(PyExc_ValueError, "kind: expected 0 to %d", KINDS - 1);
            return 0;
        }
        column->length = (size_t)length;
        column->kind = (enum kind)kind;
        size_t bits = BITS[kind];
        column->values = zeros(bits ? (bits * (size_t)rows + 7) / 8 : sizeof(int32_t) * ((size_t)rows + 1));
        column->valid = zeros(((size_t)rows + 7) / 8);
        table->count++;
        int32_t zero = 0;
        if (!column->values || !column->valid || !append(&column->items, &zero, sizeof zero)) {
            PyErr_NoMemory();
            return 0;
        }
        if (column->required) table->required |= (uint64_t)1 << i;
        table->next[i] = (uint8_t)(i + 1);
    }
    return 1;
}

static void read_rows(Table *table, PyObject *messages, PyObject *keys, Py_ssize_t rows) {
    for (Py_ssize_t row = 0; row < rows; row++) {
        int unknown_fields = event(table, PyTuple_GET_ITEM(messages, row), PyTuple_GET_ITEM(keys, row), row);
        if (unknown_fields < 0) {
            undo_row(table, row);
            PyBytes_AS_STRING(table->unusual)[row] = 1;
        } else {
            PyBytes_AS_STRING(table->unknown)[row] = (char)unknown_fields;
        }
        close_row(table, row);
    }
}

static PyObject *finished(const Table *table, Py_ssize_t rows) {
    PyObject *made = PyList_New(table->count);
    for (int i = 0; made != NULL && i < table->count; i++) {
        const Column *column = &table->columns[i];
        int is_whole = column->required || column->given == rows;
        PyObject *one = Py_BuildValue("(OOy#y#)", is_whole ? Py_None : column->valid, column->values,
                                      column->text.data ? column->text.data : "", (Py_ssize_t)column->text.used,
                                      column->items.data, (Py_ssize_t)column->items.used);
        if (one == NULL) Py_CLEAR(made);
        else PyList_SET_ITEM(made, i, one);
    }
    return made == NULL ? NULL : Py_BuildValue("(NOO)", made, table->unusual, table->unknown);
}

static void release(Table *table) {
    for (int i = 0; i < table->count; i++) {
        Column *column = &table->columns[i];
        Py_XDECREF(column->values);
        Py_XDECREF(column->valid);
        PyMem_RawFree(column->text.data);
        PyMem_RawFree(column->items.data);
    }
    PyMem_RawFree(table->scratch.data);
    Py_XDECREF(table->unusual);
    Py_XDECREF(table->unknown);
}

static PyObject *read_columns(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *messages, *keys, *fields, *made = NULL;
    int key;
    Py_ssize_t longest;
    if (!PyArg_ParseTuple(args, "O!O!O!in", &PyTuple_Type, &messages, &PyTuple_Type, &keys, &PyTuple_Type, &fields, &key,
                          &longest))
        return NULL;
    Py_ssize_t rows = PyTuple_GET_SIZE(messages);
    if (PyTuple_GET_SIZE(keys) != rows) {
        PyErr_SetString(PyExc_ValueError, "keys: expected one for each message");
        return NULL;
    }
    Table *table = PyMem_Malloc(sizeof *table);
    if (table == NULL) return PyErr_NoMemory();
    if (begin(table, fields, rows)) {
        table->key = key;
        table->longest = longest;
        Py_BEGIN_ALLOW_THREADS
        read_rows(table, messages, keys, rows);
        Py_END_ALLOW_THREADS
        made = finished(table, rows);
    }
    release(table);
    PyMem_Free(table);
    return made;
}

static PyMethodDef METHODS[] = {
    {"read_columns", read_columns, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, .m_name = "json_columns", .m_size = -1, .m_methods = METHODS};

PyMODINIT_FUNC PyInit_json_columns(void) {
    static const char *const names[KINDS] = {"UUID", "TIME", "SCORE", "MONEY", "WHOLE", "FLAG", "TEXT", "TEXTS"};
    if (plain == (locale_t)0 && (plain = newlocale(LC_ALL_MASK, "C", (locale_t)0)) == (locale_t)0) return PyErr_NoMemory();
    PyObject *module = PyModule_Create(&MODULE);
    for (int kind = 0; module != NULL && kind < KINDS; kind++)
        if (PyModule_AddIntConstant(module, names[kind], kind) < 0) Py_CLEAR(module);
    return module;
}
