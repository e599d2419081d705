/** Lines that tests read. */
export const COMBINED =
  '192.0.2.7 - - [18/Oct/2019:14:23:02 +0200] "GET /a.css?v=1 HTTP/1.1" 200 1457 "http://example.org/" "Mozilla/5.0"';
export const COMMON = '2001:db8::1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 304 -';
