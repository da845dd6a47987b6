// What of Asio and Beast is no template, compiled here once and not with each source that uses
// them; CMakeLists.txt tells their headers so.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
