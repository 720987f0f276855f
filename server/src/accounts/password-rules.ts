import { Problem } from '../problem.ts';

/** The first guesses of anybody who tries passwords. */
const common = new Set(
  `password password1 passw0rd 12345678 123456789 1234567890 qwertyui qwertyuiop qwerty123 iloveyou letmein1 welcome1
  sunshine princess football baseball superman trustno1 abcd1234 abc12345 1q2w3e4r 1qaz2wsx asdfghjk asdfghjkl
  starwars whatever computer internet michelle jennifer 11111111 00000000 87654321 password123 ringthrough`.split(
    /\s+/,
  ),
);

/**
 * Length, and not one of the obvious ones (NIST SP 800-63B section 5.1.1.2); no rules about kinds of characters.
 * @throws Problem `weak-password`
 */
export function checkPassword(password: string, rules: { min: number; max: number; number: string }): void {
  const length = [...password].length;
  if (length < rules.min) throw weak(`Use at least ${rules.min} characters; a few words are fine.`);
  if (length > rules.max) throw weak(`Use at most ${rules.max} characters.`);
  if (common.has(password.toLowerCase())) throw weak('That one is among the first that anybody would try.');
  if (new Set(password).size < 3) throw weak('Use more than one or two different characters.');
  const digits = password.replace(/\D/g, '');
  if (digits.length >= 7 && digits.length >= length - 4 && rules.number.endsWith(digits.slice(-7))) {
    throw weak('Do not use your own number.');
  }
}

function weak(detail: string): Problem {
  return new Problem('weak-password', detail);
}
