# Which include may stand where. Prints file:line: what is wrong.
#
# Includes point downwards, rooms are named in full, and a folder `internal`
# belongs to its room: other rooms may not include it, and a header that is
# installed may not either, because `internal` is not. Tests may look inside.

BEGIN {
  split("messages config runtime actors testing apps examples bench tests", names, " ")
  for (i in names) rank[names[i]] = i < 6 ? i : 6
}

FNR == 1 {
  split(FILENAME, at, "/")
  room = at[1]
}

function wrong(what) { printf "%s:%d: %s: %s\n", FILENAME, FNR, what, $0 }

/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  path = $0
  sub(/^[^<"]*[<"]/, "", path)
  sub(/[>"].*/, "", path)
  split(path, to, "/")
  if (path ~ /(^|\/)\.\.\//)
    wrong("leaves its folder by ..")
  if (!(room in rank))
    next
  if (to[1] != "dbs") {
    if ($0 ~ /"/ && rank[room] < 6)
      wrong("does not begin with dbs/")
    next
  }
  if (!(to[2] in rank))
    wrong("names no room")
  else if (rank[to[2]] > rank[room] || (rank[to[2]] == 6 && to[2] != room))
    wrong("points upwards")
  if (path ~ /\/internal\// && room != "tests") {
    if (to[2] != room)
      wrong("is internal to another room")
    else if (FILENAME ~ /\.hpp$/ && FILENAME !~ /\/internal\// && rank[room] < 6)
      wrong("is internal, in a header that is installed")
  }
}
