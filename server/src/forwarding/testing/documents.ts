/** Documents of supplementary services as networks and phones write them. */

/** As a phone has left it: rules for each condition, OIR, barring with conditions of its own, an operator's element. */
export const phoneDocument = `<?xml version="1.0" encoding="UTF-8"?>
<!-- served by HSS-proxy 4.2 -->
<simservs xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap" xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:ocp="urn:oma:xml:xdm:common-policy" xmlns:op="urn:example:operator" op:revision="17">
  <originating-identity-presentation active="true"/>
  <originating-identity-presentation-restriction active="true">
    <default-behaviour>presentation-not-restricted</default-behaviour>
  </originating-identity-presentation-restriction>
  <communication-diversion active="true">
    <NoReplyTimer>20</NoReplyTimer>
    <cp:ruleset>
      <cp:rule id="call-diversion-unconditional">
        <cp:conditions><rule-deactivated/></cp:conditions>
        <cp:actions><forward-to><target>tel:+12125550100</target></forward-to></cp:actions>
      </cp:rule>
      <cp:rule id="call-diversion-busy">
        <cp:conditions><busy/><media>audio</media></cp:conditions>
        <cp:actions><forward-to><target>tel:+12125550100</target><notify-caller>false</notify-caller></forward-to></cp:actions>
      </cp:rule>
      <cp:rule id="call-diversion-no-reply">
        <cp:conditions><rule-deactivated/><no-answer/></cp:conditions>
        <cp:actions><forward-to><target></target></forward-to></cp:actions>
      </cp:rule>
      <cp:rule id="boss">
        <cp:conditions><cp:identity><cp:one id="tel:+12125550111"/></cp:identity><busy/></cp:conditions>
        <cp:actions><forward-to><target>tel:+12125550122</target></forward-to></cp:actions>
      </cp:rule>
    </cp:ruleset>
    <op:diversion-extra mode="x &lt; y"><![CDATA[ <kept> & kept ]]></op:diversion-extra>
  </communication-diversion>
  <incoming-communication-barring active="false">
    <cp:ruleset><cp:rule id="icb-roaming"><cp:conditions><roaming/></cp:conditions><cp:actions><allow>false</allow></cp:actions></cp:rule></cp:ruleset>
  </incoming-communication-barring>
  <op:caller-tune xmlns:t="urn:example:tune" t:id="7">Für Elise &amp; more</op:caller-tune>
  <?operator keep-me?>
  <extensions><op:sim-ring/></extensions>
</simservs>
`;

/** All prefixed, policies in the default namespace of their element, the service asleep with a rule of the person's. */
export const prefixedDocument = `<ss:simservs xmlns:ss="http://uri.etsi.org/ngn/params/xml/simservs/xcap">
<ss:communication-waiting active="true"/>
<ss:communication-diversion active="false"><ruleset xmlns="urn:ietf:params:xml:ns:common-policy"><rule id="all"><conditions/><actions><ss:forward-to><ss:target>sip:+12125550100@ims.example;user=phone</ss:target></ss:forward-to></actions></rule></ruleset></ss:communication-diversion>
</ss:simservs>`;

/** Of a subscriber who never set anything. */
export const bareDocument =
  '<simservs xmlns="http://uri.etsi.org/ngn/params/xml/simservs/xcap"><communication-waiting active="false"/></simservs>';
