# SPDX-License-Identifier: Apache-2.0
"""The scripts that change `reg:{aor}` in Redis, each in one step.

The hash has a field for each contact, whose value is a binding as JSON (`signaling.shared.entries`). Invariants: what
one Call-ID registered later wins (RFC 3261 10.3 step 7), between different Call-IDs what was received later; a node
that loses a binding to another, or to an unregistration there, finds that in its inbox.
"""

_TELL = """
local function tell(node, aor, contact, call_id, cseq, at)
  local inbox = 'inbox:' .. node
  redis.call('RPUSH', inbox, cjson.encode({aor=aor, contact=contact, call_id=call_id, cseq=cseq, at=at}))
  redis.call('LTRIM', inbox, -10000, -1)
  redis.call('EXPIRE', inbox, 3600)
end
local function newer(old, call_id, cseq, at)
  if old.call_id == call_id then return old.cseq > cseq end
  return old.at > at
end
"""

PUT = (
    _TELL
    + """
local key, aor, contact, value, ttl = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local new, text = cjson.decode(value), redis.call('HGET', key, contact)
if text then
  local old = cjson.decode(text)
  if newer(old, new.call_id, new.cseq, new.at) then
    if old.node ~= new.node then tell(new.node, aor, contact, old.call_id, old.cseq, old.at) end
    return 0
  end
  if old.node ~= new.node then tell(old.node, aor, contact, new.call_id, new.cseq, new.at) end
end
redis.call('HSET', key, contact, value)
if redis.call('TTL', key) < ttl then redis.call('EXPIRE', key, ttl) end
return 1
"""
)
"""KEYS: reg:{aor}. ARGV: aor, contact, binding as JSON, seconds that it lives."""

DROP = """
local text = redis.call('HGET', KEYS[1], ARGV[1])
if text and cjson.decode(text).node == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
"""
"""Forgets what this node had. KEYS: reg:{aor}. ARGV: contact, node."""

WITHDRAW = (
    _TELL
    + """
local key, aor, node, call_id, cseq, at = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local contacts = {}
if #ARGV > 5 then
  for n = 6, #ARGV do contacts[#contacts + 1] = ARGV[n] end
else
  contacts = redis.call('HKEYS', key)
end
for _, contact in ipairs(contacts) do
  local text = redis.call('HGET', key, contact)
  if text then
    local old = cjson.decode(text)
    if not newer(old, call_id, cseq, at) then
      redis.call('HDEL', key, contact)
      if old.node ~= node then tell(old.node, aor, contact, call_id, cseq, at) end
    end
  end
end
return 0
"""
)
"""Unregisters at whichever node. KEYS: reg:{aor}. ARGV: aor, node, Call-ID, CSeq, time, then contacts; none: all."""
