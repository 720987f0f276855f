import { all } from 'mcc-mnc-list';

/** A mobile network of the world, for who adds a carrier. */
export interface MobileNetwork {
  /** ISO 3166; some are of several countries. */
  country: string;
  /** MCC and MNC. */
  mccMnc: string;
  name: string;
  operator: string | undefined;
  operational: boolean;
}

/** As they are: the package's types know no null. */
interface Row {
  countryCode: string | null;
  mcc: string | null;
  mnc: string | null;
  brand: string | null;
  operator: string | null;
  status: string | null;
}

const rows: readonly Row[] = all();

/** What a network is called; undefined: the list does not have it. */
export function networkName(mccMnc: string): string | undefined {
  const row = rows.find(({ mcc, mnc }) => `${mcc}${mnc}` === mccMnc);
  return row?.brand ?? row?.operator ?? undefined;
}

/** The mobile networks of a country, by MCC and MNC (ITU-T E.212), from `mcc-mnc-list`. */
export function networksOfCountry(country: string): MobileNetwork[] {
  return rows.flatMap(({ countryCode, mcc, mnc, brand, operator, status }) => {
    // Some codes are those of several countries.
    if (!countryCode?.split(/[-/]/).includes(country) || !mcc || !mnc || !/^\d{2,3}$/.test(mnc)) return [];
    const name = brand ?? operator;
    if (!name) return [];
    const operational = status === 'Operational';
    return [{ country, mccMnc: mcc + mnc, name, operator: operator ?? undefined, operational }];
  });
}
