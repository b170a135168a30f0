-- Reads the clock. KEYS: whose. Returns ms.
return string.format('%.0f', now())
