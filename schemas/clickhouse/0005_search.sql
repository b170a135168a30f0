-- Texts are searched by pairs of characters, so that words of two are found in writing without spaces too. What is looked for is small
-- letters, whatever the text has. An index says only where to look: what stands there now is read afterwards.

ALTER TABLE {{.Database}}.message_rows{{.OnCluster}} ADD INDEX IF NOT EXISTS by_text lowerUTF8(body.text) TYPE text(tokenizer = ngrams(2));

ALTER TABLE {{.Database}}.message_rows{{.OnCluster}} MATERIALIZE INDEX by_text;
