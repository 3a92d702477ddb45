"""Between Python's objects and the byte core: what every module needs that has a door for Python code."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t
from libc.string cimport memcpy

from indexer._fastpath.span cimport Slice, Span, span_of
from indexer._fastpath.text cimport text_is_ascii

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    void *PyUnicode_DATA(object text)


cdef inline Span span_of_bytes(bytes data):
    """All of `data`, which the caller keeps alive."""
    return span_of(<const uint8_t *> PyBytes_AS_STRING(data), <size_t> PyBytes_GET_SIZE(data))


cdef inline Slice slice_of_bytes(bytes data):
    """All of `data`, which the caller keeps alive."""
    cdef Slice out
    out.p = <const uint8_t *> PyBytes_AS_STRING(data)
    out.n = <size_t> PyBytes_GET_SIZE(data)
    return out


cdef inline bytes utf8_of(str text):
    """The bytes of any text; lone surrogates too, which no reader of this package accepts as UTF-8."""
    return text.encode("utf-8", "surrogatepass")


cdef inline bytes bytes_of(const uint8_t *p, size_t n):
    return PyBytes_FromStringAndSize(<const char *> p, <Py_ssize_t> n)


cdef inline str text_of(Slice part):
    """A str of checked UTF-8; '' where there is none."""
    cdef object out
    if part.p != NULL and text_is_ascii(part.p, part.n, part.n):
        out = PyUnicode_New(<Py_ssize_t> part.n, 127)
        memcpy(PyUnicode_DATA(out), part.p, part.n)
        return out
    return PyUnicode_DecodeUTF8(<const char *> part.p, <Py_ssize_t> part.n, NULL) if part.p != NULL else ""
